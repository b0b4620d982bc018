"""Platforms as SQL files that the engine brings along: what a project's own files find there before them."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def environment_files(name: str) -> tuple[Path, ...]:
    """The files of the platform `name`, in order; none where no platform that we know has that name."""
    return tuple(sorted((_FOLDER / name).glob("*.sql"))) if name in environment_names() else ()


def environment_names() -> tuple[str, ...]:
    """The platforms that `environment` in a project's configuration can name."""
    return tuple(sorted({file.parent.name for file in _FOLDER.glob("*/*.sql")}))
