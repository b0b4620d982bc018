"""A directory per user for what was fetched once, safe for two runs at the same time."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pgassay.errors import CannotJudgeError


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """`$XDG_CACHE_HOME/pgassay`, else `~/.cache/pgassay`, else one of the user's own below `/tmp`.

    The first that this user can write to and nobody else can. Raises CannotJudgeError when none is.
    """
    candidates = list(_candidates(environ))
    for candidate in candidates:
        if _is_usable(candidate):
            return candidate
    raise CannotJudgeError(
        "Found no directory to keep fetched files in.",
        why="Not writable, or not ours alone: " + ", ".join(map(str, candidates)),
        fixes=("set XDG_CACHE_HOME to a directory of your own",),
    )


def fetch_once(name: str, fetch: Callable[[Path], Path], *, environ: Mapping[str, str] = os.environ) -> Path:
    """The cached directory `name`; when missing, what `fetch(scratch)` returns is moved there in one step."""
    target = cache_directory(environ) / name
    if target.is_dir():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as scratch:
        fetched = fetch(Path(scratch))
        try:
            fetched.rename(target)
        except OSError:
            # Another run was faster. A directory never replaces one that has files in it.
            if not target.is_dir():
                raise
    return target


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    if xdg := environ.get("XDG_CACHE_HOME"):
        yield Path(xdg) / "pgassay"
    if home := environ.get("HOME"):
        yield Path(home) / ".cache" / "pgassay"
    # Not "pgassay-…": the servers sweep what is left over under such names.
    yield Path(tempfile.gettempdir()) / f"cache-of-pgassay-{os.geteuid()}"


def _is_usable(directory: Path) -> bool:
    """SQL from here runs as a superuser, so nobody else may be able to put any in."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = directory.lstat()
    except OSError:
        return False
    ours = status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return ours and stat.S_ISDIR(status.st_mode) and os.access(directory, os.W_OK | os.X_OK)
