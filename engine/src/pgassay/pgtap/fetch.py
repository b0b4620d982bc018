"""Fetch pgTAP from the npm registry or from Debian into a directory per user, without root."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
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


NPM_PACKAGE = "@electric-sql/pglite-pgtap@0.0.15"
# The SQL inside runs as a superuser, so the archive is pinned by content and not only by version.
_NPM_SHA256 = "ac214c27e10987c6623bef2100f98fc8a9977ed7026ddaf4b763d159c3c1ea01"
_NPM_FILES = ("pgtap.control", "pgtap--1.3.5.sql")
_SECONDS = 60


class UnavailableError(Exception):
    """A source of pgTAP that cannot be used here; the text says why."""


def fetch_from_npm(environ: Mapping[str, str]) -> Path:
    """The `extension` directory of pgTAP 1.3.5 out of the pinned npm package. Raises UnavailableError."""
    fetch = partial(_unpack_npm, environ)
    return fetch_once("pgtap-npm-0.0.15", fetch, environ=environ) / "extension"


def fetch_from_apt(major: int, environ: Mapping[str, str]) -> Path:
    """The `extension` directory of Debian's package, for server version `major` where it has one.

    pgTAP is plain SQL, so that the package for another version serves too. Raises UnavailableError.
    """
    listed = _run(["apt-cache", "pkgnames", "postgresql-"], environ).split()
    packages = [name for name in listed if name.endswith("-pgtap")]
    if not packages:
        raise UnavailableError("apt knows no package postgresql-*-pgtap; `apt-get update` may not have run")
    wanted = f"postgresql-{major}-pgtap"
    package = wanted if wanted in packages else max(packages)
    return (
        fetch_once(f"pgtap-{package}", partial(_unpack_debian, package, environ), environ=environ)
        / "extension"
    )


def _unpack_npm(environ: Mapping[str, str], scratch: Path) -> Path:
    options = [
        "--pack-destination",
        str(scratch),
        "--cache",
        str(scratch / "npm"),
        "--fetch-retries",
        "1",
        "--silent",
    ]
    _run(["npm", "pack", NPM_PACKAGE, *options], environ, directory=scratch)
    archive = next(scratch.glob("*.tgz")).read_bytes()
    if hashlib.sha256(archive).hexdigest() != _NPM_SHA256:
        raise UnavailableError(f"{NPM_PACKAGE} is not the archive that this version of pgassay knows")
    extension = scratch / "ready" / "extension"
    extension.mkdir(parents=True)
    inner = _read_member(archive, "package/dist/pgtap.tar.gz")
    for name in _NPM_FILES:
        (extension / name).write_bytes(_read_member(inner, f"share/postgresql/extension/{name}"))
    return extension.parent


def _unpack_debian(package: str, environ: Mapping[str, str], scratch: Path) -> Path:
    _run(["apt-get", "download", package], environ, directory=scratch)
    archive = next(scratch.glob("*.deb"))
    _run(["dpkg-deb", "-x", str(archive), str(scratch / "files")], environ)
    control = next((scratch / "files").rglob("pgtap.control"))
    ready = scratch / "ready"
    ready.mkdir()
    control.parent.rename(ready / "extension")
    return ready


def _read_member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile(name)
        if member is None:
            raise UnavailableError(f"{name} is not a file in the archive")
        return member.read()


def _run(command: Sequence[str], environ: Mapping[str, str], *, directory: Path | None = None) -> str:
    """Standard output of `command`. Raises UnavailableError with its last words when it fails."""
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
        raise UnavailableError(f"{' '.join(command[:3])} failed: {words[-1]}")
    return done.stdout
