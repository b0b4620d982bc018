"""JUnit's XML as CI servers read it, from plain values; its schema is Jenkins's junit-10.xsd."""

from __future__ import annotations

from collections.abc import Sequence
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
