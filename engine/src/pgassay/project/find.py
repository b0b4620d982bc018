"""Find the project that a command is about: at or above a path, or the only one below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pgassay.config import find_root, is_project
from pgassay.errors import ConfigError
from pgassay.supabase.project import is_supabase_project

_DEEPEST = 6
_PASSED_OVER = frozenset({"node_modules", "build", "dist", "target", "vendor", "venv", "__pycache__"})


def find_project(start: Path) -> Path:
    """The root of the project of `start`, a folder or a file; `start` or its folder where there is none.

    What lies beside a file is not its project. Raises ConfigError where there is no such path, and for a
    folder with several projects below it.
    """
    folder = start if start.is_dir() else start.parent
    if not start.exists():
        kind = "file" if start.suffix else "folder"
        raise ConfigError(
            f"There is no {kind} {start}.", fixes=("name the folder of a project, or a file in it",)
        )
    root = find_root(folder.absolute())
    if is_project(root):
        return root
    found = sorted(find_projects_below(root)) if start.is_dir() else []
    if len(found) > 1:
        raise ConfigError(
            f"There are {len(found)} projects below {root}, and none in it.",
            why="\n".join(f"  {path.relative_to(root).as_posix()}" for path in found),
            fixes=(f"choose one: --project {os.path.relpath(found[0])}",),
        )
    return found[0] if found else root


def find_projects_below(folder: Path) -> Iterator[Path]:
    """The folders of projects below `folder`, none inside of another; not those that are hidden or built."""
    base = len(folder.parts)
    for path, names, _ in os.walk(folder):
        here = Path(path)
        if here != folder and _looks_like_project(here):
            names.clear()
            yield here
            continue
        deep = len(here.parts) - base >= _DEEPEST
        names[:] = [] if deep else [n for n in names if n not in _PASSED_OVER and not n.startswith(".")]


def _looks_like_project(folder: Path) -> bool:
    """As `is_project`; a file of TOML that cannot be read is somebody's template, and says nothing."""
    try:
        return is_project(folder)
    except ConfigError:
        return (folder / "pgassay.toml").is_file() or is_supabase_project(folder)
