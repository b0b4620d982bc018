"""Where reports go."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pgassay.errors import ConfigError

T = TypeVar("T")

_ROOM, _RIGHTS = "make room there", "let this user write there"
OF_DISKS = {errno.ENOSPC: _ROOM, errno.EDQUOT: _ROOM, errno.EROFS: _RIGHTS, errno.EACCES: _RIGHTS}
"""What to do about a file, by the number of the error."""


@dataclass(frozen=True, kw_only=True)
class Output:
    """The format to show, and the files to write besides, each as its format and its path."""

    shown: str = "text"
    files: tuple[tuple[str, Path], ...] = ()


TEXT_ALONE = Output()


def publish(found: T, formats: Mapping[str, Callable[[T], str]], output: Output) -> None:
    """Show what was found, and write it in every format that was asked for. Raises ConfigError."""
    print(formats[output.shown](found), end="", flush=True)
    for name, path in output.files:
        write_report(path, formats[name](found))


def check_writable(path: Path) -> None:
    """Find out before the work, not after it, that a report cannot be written; makes its folder.

    Raises ConfigError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _refusal(path, error) from error


def write_report(path: Path, text: str) -> None:
    """Write a whole file, or none. Raises ConfigError."""
    is_new = not path.exists()
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        if is_new:
            path.unlink(missing_ok=True)
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> ConfigError:
    is_folder = error.errno in (errno.EISDIR, errno.ENOTDIR)  # of which no rights make a file
    return ConfigError(
        f"Cannot write {path}: {error.strerror}",
        fixes=(
            *(() if is_folder else (OF_DISKS.get(error.errno or 0, _RIGHTS),)),
            "name another file, where it is one that you named",
        ),
    )
