"""Turn what a server printed into an error that says what happened, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from pgassay.errors import ServerError
from pgassay.server.binaries import ATTACH_FIX
from pgassay.server.model import ATTACHED, LOG_NAME, Server

_TAIL_LINES = 20
# The second is the hint for a page of which only the beginning fitted.
_FULL = ("No space left on device", "Check free disk space")
_FULL_BYTES = 1 << 16
_SPACE_FIXES = (
    "free some space there",
    "set PGASSAY_TMPDIR to a directory with at least 1 GB free",
)


def describe_failed_start(*, step: str, output: str, free: int, base: Path, port: int | None) -> ServerError:
    """The error for a start that failed at `step` (setup, initdb, postgres), `free` bytes left in `base`."""
    why = tail(output)
    if _is_full(output) or free < _FULL_BYTES:
        return _disk_full("Could not start PostgreSQL", base, why)
    if port is not None and "could not bind" in output:
        return ServerError(
            f"Could not start PostgreSQL: port {port} on 127.0.0.1 cannot be had.",
            why=why,
            fixes=(
                "choose another port, or none (the private socket needs none)",
                f"stop whoever has it; ask `lsof -i :{port}` or `ss -ltnp`",
            ),
        )
    what = "its files could not be set up" if step == "setup" else f"{step} failed"
    return ServerError(
        f"Could not start PostgreSQL: {what}.",
        why=why,
        fixes=(
            "choose another: --server or PGASSAY_SERVER with embedded, system or a bin directory",
            ATTACH_FIX,
        ),
    )


def describe_loss(server: Server, error: Exception) -> ServerError:
    """The error for a server that went away in mid-run, with the end of its log where it is ours."""
    if server.origin == ATTACHED:
        what = f"Lost the connection to the PostgreSQL server {server.host}:{server.port}."
    else:
        what = "The PostgreSQL server went away in mid-run."
    return _with_log(server, what, tail(str(error)))


@contextmanager
def failures_explained(server: Server) -> Iterator[None]:
    """Give a ServerError of this block the end of the log, and name the disk where that is full."""
    try:
        yield
    except ServerError as error:
        if not isinstance(error.__cause__, psycopg.OperationalError):
            raise
        raise _with_log(server, error.what, error.why) from error.__cause__


def tail(text: str) -> str:
    """The last lines of a log or of a program's output."""
    return "\n".join(text.strip().splitlines()[-_TAIL_LINES:])


def _with_log(server: Server, what: str, reason: str) -> ServerError:
    if server.origin == ATTACHED:
        return ServerError(what, why=reason, fixes=("see that server's log, and run again when it is well",))
    log = tail(_read_log(server))
    why = f"{reason}\nThe end of its log:\n{log or '(empty)'}"
    if _is_full(why):
        return _disk_full(what.rstrip("."), Path(server.data_base), why)
    return ServerError(what, why=why, fixes=("run again; if memory was short, run fewer tests at a time",))


def _is_full(text: str) -> bool:
    return any(sign in text for sign in _FULL)


def _disk_full(what: str, base: Path, why: str) -> ServerError:
    """What else a program printed, or a log says, does not matter then."""
    why = next((line.strip() for line in why.splitlines() if _is_full(line)), "")
    return ServerError(f"{what}: no space left in {base}.", why=why, fixes=_SPACE_FIXES)


def _read_log(server: Server) -> str:
    try:
        return Path(server.host, LOG_NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
