"""Where reports go."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pgassay.errors import ConfigError


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
    """Write a whole file. Raises ConfigError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"Cannot write {path}: {error.strerror}", fixes=("name a file that can be written: --output PATH",)
    )
