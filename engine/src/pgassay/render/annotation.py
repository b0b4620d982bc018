"""Annotations of GitHub's, as the workflow commands that a step prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pgassay.errors import Place, printable
from pgassay.render.text import in_repository

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
