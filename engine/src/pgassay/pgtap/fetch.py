"""Fetch pgTAP from the npm registry or from Debian into a directory per user, without root."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pgassay.server.fetch import UnavailableError, fetch_once, pack_from_npm, run

NPM_PACKAGE = "@electric-sql/pglite-pgtap@0.0.15"
_INTEGRITY = "sha512-WWyw8E/V69RbkEpWBAsZX/Jd9GnTLu7p4mNy54fAsjcmJ5NX3xYm4S8YOKGEcOEAQnaGb+gixPQq/2SO3rT3DQ=="
_NPM_FILES = ("pgtap.control", "pgtap--1.3.5.sql")


def fetch_from_npm(environ: Mapping[str, str]) -> Path:
    """The `extension` directory of pgTAP 1.3.5 out of the pinned npm package. Raises UnavailableError."""
    fetch = partial(_unpack_npm, environ)
    return fetch_once("pgtap-npm-0.0.15", fetch, environ=environ) / "extension"


def fetch_from_apt(major: int, environ: Mapping[str, str]) -> Path:
    """The `extension` directory of Debian's package, for server version `major` where it has one.

    pgTAP is plain SQL, so that the package for another version serves too. Raises UnavailableError.
    """
    listed = run(["apt-cache", "pkgnames", "postgresql-"], environ).split()
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
    archive = pack_from_npm(NPM_PACKAGE, _INTEGRITY, scratch, environ).read_bytes()
    extension = scratch / "ready" / "extension"
    extension.mkdir(parents=True)
    inner = _read_member(archive, "package/dist/pgtap.tar.gz")
    for name in _NPM_FILES:
        (extension / name).write_bytes(_read_member(inner, f"share/postgresql/extension/{name}"))
    return extension.parent


def _unpack_debian(package: str, environ: Mapping[str, str], scratch: Path) -> Path:
    run(["apt-get", "download", package], environ, directory=scratch)
    archive = next(scratch.glob("*.deb"))
    run(["dpkg-deb", "-x", str(archive), str(scratch / "files")], environ)
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
