"""What CI servers read: JUnit's XML, by Jenkins's junit-10.xsd, and annotations of GitHub's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pgassay.errors import Place, printable
from pgassay.render.text import in_repository

Outcome = Literal["passed", "skipped", "failure", "error"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One test case; `message` is one line on why it did not pass, `text` all there is to say."""

    group: str
    name: str
    outcome: Outcome = "passed"
    message: str = ""
    text: str = ""
    place: Place | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Checks that belong together; `seconds` is wall-clock time."""

    name: str
    checks: tuple[Check, ...]
    seconds: float = 0.0


def render_suites(name: str, suites: Sequence[Suite], *, seconds: float) -> str:
    """One testsuites element for a run of so many seconds."""
    root = Element("testsuites", name=name, time=f"{seconds:.3f}")
    _count(root, [check for suite in suites for check in suite.checks])
    for suite in suites:
        element = SubElement(root, "testsuite", name=printable(suite.name), time=f"{suite.seconds:.3f}")
        _count(element, suite.checks)
        element.set("skipped", str(sum(check.outcome == "skipped" for check in suite.checks)))
        for check in suite.checks:
            _add(element, check)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _count(element: Element, checks: Sequence[Check]) -> None:
    element.set("tests", str(len(checks)))
    element.set("failures", str(sum(check.outcome == "failure" for check in checks)))
    element.set("errors", str(sum(check.outcome == "error" for check in checks)))


def _add(suite: Element, check: Check) -> None:
    element = SubElement(suite, "testcase", classname=printable(check.group), name=printable(check.name))
    element.set("time", f"{check.seconds:.3f}")
    if check.place:
        element.set("file", printable(str(in_repository(check.place.file))))
        if check.place.line:
            element.set("line", str(check.place.line))
    if check.outcome == "passed":
        if check.text:
            SubElement(element, "system-out").text = printable(check.text)
        return
    SubElement(element, check.outcome, message=printable(check.message)).text = printable(check.text) or None


# The runner decodes these. A property ends at a comma, and its name and value at the colons.
_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}

Level = Literal["error", "warning", "notice"]


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A sentence on a line of a file, or on the whole run."""

    level: Level
    title: str
    message: str
    place: Place | None = None


def render_annotations(annotations: Iterable[Annotation]) -> str:
    """One command a line."""
    return "".join(f"{_render(annotation)}\n" for annotation in annotations)


def _render(annotation: Annotation) -> str:
    properties = ",".join(f"{name}={_escape(value, _IN_PROPERTY)}" for name, value in _properties(annotation))
    return f"::{annotation.level} {properties}::{_escape(annotation.message, _IN_MESSAGE)}"


def _properties(annotation: Annotation) -> Iterator[tuple[str, str]]:
    if annotation.place:
        yield "file", str(in_repository(annotation.place.file))
        if annotation.place.line:
            yield "line", str(annotation.place.line)
    yield "title", annotation.title


def _escape(text: str, codes: dict[str, str]) -> str:
    return "".join(codes.get(character, character) for character in printable(text))


def note(command: str, message: str) -> Annotation:
    """What a command comes to, without a place."""
    return Annotation(level="notice", title=f"pgassay {command}", message=message)
