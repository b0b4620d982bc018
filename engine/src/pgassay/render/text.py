"""Lines for a terminal of 80 columns, readable without colour; places as a person would write them."""

from __future__ import annotations

import textwrap
from pathlib import Path

from pgassay.errors import Place

WIDTH = 80
_EVIDENCE_LINES = 12


def wrap(line: str, *, indent: int = 2) -> str:
    """Lines of 80 columns, as far as there are spaces to break at."""
    return textwrap.fill(
        line, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def show_evidence(reason: str) -> list[str]:
    """pytest's own explanation, which it marks with E, else the last lines."""
    lines = reason.splitlines()
    explained = [line for line in lines if line.startswith("E ")]
    return (explained or [line for line in lines if line.strip()])[-_EVIDENCE_LINES:]


def relative(path: Path) -> Path:
    """`path` as seen from the working directory, if it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def in_repository(path: Path) -> Path:
    """`path` as git names it; outside a repository as `relative` does."""
    root = next((folder for folder in path.parents if (folder / ".git").exists()), Path.cwd())
    return path.relative_to(root) if path.is_relative_to(root) else path


def spell(place: Place | None) -> str:
    """`file:line`, or `file` where no line is known; "" for nowhere."""
    if place is None:
        return ""
    return f"{relative(place.file)}:{place.line}" if place.line else str(relative(place.file))
