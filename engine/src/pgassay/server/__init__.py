"""A PostgreSQL server for as long as somebody needs it: started here and private, or attached to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pgassay.errors import ServerError
from pgassay.server.account import choose_account
from pgassay.server.attach import attach, is_connection
from pgassay.server.binaries import Binaries, find_binaries, system_bin_dirs
from pgassay.server.ephemeral import OwnServer, run_ephemeral
from pgassay.server.failures import describe_loss, failures_explained
from pgassay.server.installation import name_stand_ins
from pgassay.server.model import ATTACHED, AUTO, EMBEDDED, RUNNING_SERVER, SYSTEM, Server
from pgassay.server.versions import VersionChoice, choose_version, find_version

__all__ = [
    "ATTACHED",
    "RUNNING_SERVER",
    "OwnServer",
    "Server",
    "ServerChoice",
    "VersionChoice",
    "choose_version",
    "describe_loss",
    "failures_explained",
    "inspect_server_choices",
    "libpq_environment_hidden",
    "list_stand_ins",
    "open_own_server",
    "open_server",
]

_LAST_PORT = 65535


@contextmanager
def open_server(
    choice: str,
    *,
    port: int | None = None,
    durable: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """A server to work on, gone at the end of the block (or, when attached, left as it was found).

    `choice` is "embedded" (as "auto" is here), "system", a major version such as "17", a bin directory, or a
    connection URL or conninfo string to attach to.
    `port` also opens 127.0.0.1:port with a random password. `durable` keeps commits through a crash.
    `settings` go into postgresql.conf.
    PG* variables of this process are hidden during the block; an attached server has used them before.
    Raises ServerError.
    """
    if port is not None and not 1 <= port <= _LAST_PORT:
        raise ServerError(
            f"PostgreSQL cannot listen on port {port}.", fixes=(f"choose a port from 1 to {_LAST_PORT}",)
        )
    if is_connection(choice):
        if port is not None or durable or settings:
            raise ServerError(
                "A port or settings can be chosen only for a server that is started here.",
                why="The chosen server is a connection to one that runs already.",
                fixes=("leave them out", "choose embedded, system or a bin directory"),
            )
        server = attach(choice)
        with libpq_environment_hidden():
            yield server
        return
    run = run_ephemeral(_find(choice), port=port, durable=durable, settings=settings)
    with libpq_environment_hidden(), run as started:
        yield started.server


@contextmanager
def open_own_server(choice: str, *, durable: bool = False) -> Iterator[OwnServer]:
    """As `open_server`, with the means to stop it for a while, or make it crash; nothing to attach to.

    A killed process leaves to the operating system what it wrote: a `durable` server shows what survives a
    crash of PostgreSQL, not a loss of power. Raises ServerError.
    """
    with libpq_environment_hidden(), run_ephemeral(_find(choice), durable=durable) as started:
        yield started


@contextmanager
def libpq_environment_hidden() -> Iterator[None]:
    """Hide PG* and PSQL* variables from this process and its children; restored at the end.

    A conninfo string cannot do it alone: PGSERVICE and PGTZ, for example, win over what it says.
    """
    libpq = [n for n in os.environ if n.startswith(("PG", "PSQL")) and not n.startswith("PGASSAY_")]
    hidden = {name: os.environ.pop(name) for name in libpq}
    try:
        yield
    finally:
        os.environ.update(hidden)


@dataclass(frozen=True, kw_only=True)
class ServerChoice:
    """A server that could be started: its version and place, or the `problem` that keeps it from starting."""

    name: str
    version: int | None = None
    bin_dir: Path | None = None
    problem: str = ""


def list_stand_ins(choice: str, names: Iterable[str]) -> tuple[str, ...]:
    """Which of these extensions are stand-ins on the server that `choice` would start. Raises ServerError."""
    return () if is_connection(choice) else name_stand_ins(_find(choice), names)


def _find(choice: str) -> Binaries:
    if choice.isdecimal() and not Path(choice).is_dir():
        return find_version(int(choice))
    return find_binaries(EMBEDDED if choice == AUTO else choice)


def inspect_server_choices() -> list[ServerChoice]:
    """The embedded server, then every installed one; nothing is started and no error raised."""
    installed = [str(bin_dir) for bin_dir in system_bin_dirs()] or [SYSTEM]
    return [_inspect(EMBEDDED, EMBEDDED), *(_inspect(SYSTEM, choice) for choice in installed)]


def _inspect(name: str, choice: str) -> ServerChoice:
    try:
        binaries = find_binaries(choice)
        choose_account(binaries.bin_dir, environ=os.environ)
    except ServerError as error:
        return ServerChoice(name=name, problem=str(error))
    return ServerChoice(name=name, version=binaries.version, bin_dir=binaries.bin_dir)
