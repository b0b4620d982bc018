"""Where a finding is, as a person would write it."""

from __future__ import annotations

from pathlib import Path

from pgassay.errors import Place


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
