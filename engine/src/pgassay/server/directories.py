"""Where a server keeps its files: in memory where there is room; what a killed run left is swept."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pgassay.errors import ServerError
from pgassay.server.account import Account, can_traverse
from pgassay.server.supervisor import PREFIX

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  a mount point, not a file name
_TMP = Path("/tmp")  # noqa: S108  below it come fresh directories of our own
_ENOUGH_BYTES = 1 << 30
# sun_path holds 104 bytes on macOS; below a base come "/pgassay-<12>/run/.s.PGSQL.<5>.lock" and the NUL.
_LONGEST_SOCKET_BASE = 104 - 46
_UNBORN_SECONDS = 60
# The whole name as the supervisor makes it: other things of ours may begin alike.
_NAME = PREFIX + "[0-9a-f]" * 12


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the server's own directories are made; `programs` is for copies of its binaries."""

    data: Path
    socket: Path
    programs: Path


def base_directories(environ: Mapping[str, str]) -> list[Path]:
    """Candidates, the best first: PGASSAY_TMPDIR alone when set; else shared memory, TMPDIR and /tmp."""
    if named := environ.get("PGASSAY_TMPDIR"):
        return [Path(named).expanduser().absolute()]
    shared = [_SHARED_MEMORY] if sys.platform == "linux" and _has_room(_SHARED_MEMORY) else []
    return list(dict.fromkeys([*shared, Path(tempfile.gettempdir()).absolute(), _TMP]))


def choose_places(bases: list[Path], account: Account | None) -> Places:
    """The first base that `account` can use; with a short path for the socket, not noexec for programs.

    Raises ServerError when there is none.
    """
    refusals = {base: _refusal(base, account) for base in (*bases, _TMP)}
    usable = [base for base, why in refusals.items() if why is None]
    data = next((base for base in bases if base in usable), None)
    socket = next((base for base in usable if _suits_socket(base)), None)
    programs = next((base for base in usable if not os.statvfs(base).f_flag & os.ST_NOEXEC), None)
    if data and socket and programs:
        return Places(data=data, socket=socket, programs=programs)
    reasons = [f"{base}: {why}" for base, why in refusals.items() if why]
    wanted = f'the account "{account.name}" may enter' if account else "you may write to"
    raise ServerError(
        "Could not start PostgreSQL: found no directory for its files.",
        why="\n".join(reasons) or "All are mounted noexec, or have names unfit for a socket.",
        fixes=(f"set PGASSAY_TMPDIR to a directory that {wanted}",),
    )


def sweep(bases: Iterable[Path]) -> None:
    """Remove our own directories whose supervisor was killed: its lock on them went with it."""
    for base in {*bases, _TMP}:
        for folder in [*base.glob(_NAME), *base.glob(f".{_NAME}")]:
            if _is_ours(folder) and _is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    try:
        return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _is_abandoned(folder: Path) -> bool:
    try:
        # A name with a dot: made but not locked yet, for some microseconds of a supervisor's life.
        if folder.name.startswith(".") and time.time() - folder.stat().st_mtime < _UNBORN_SECONDS:
            return False
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _suits_socket(base: Path) -> bool:
    """A short path without a comma: libpq reads host=a,b as two hosts."""
    return len(os.fsencode(base)) <= _LONGEST_SOCKET_BASE and "," not in str(base)


def _has_room(base: Path) -> bool:
    try:
        return shutil.disk_usage(base).free >= _ENOUGH_BYTES
    except OSError:
        return False


def _refusal(base: Path, account: Account | None) -> str | None:
    if not base.is_dir():
        return "no such directory"
    if not os.access(base, os.W_OK | os.X_OK):
        return "not writable"
    if '"' in str(base):
        return "initdb cannot work below a name with a quotation mark"
    return None if account is None or can_traverse(base, account) else f"{account.name} may not enter it"
