"""Start a server of our own, and end it with the block, however the block ends."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
from psycopg import sql

from pgassay.errors import ServerError
from pgassay.server import supervisor
from pgassay.server.account import choose_account, program_environment
from pgassay.server.binaries import Binaries
from pgassay.server.directories import base_directories, choose_places, sweep
from pgassay.server.failures import describe_failed_start
from pgassay.server.installation import fingerprint, plan_installation
from pgassay.server.model import LOG_NAME, Server

_SOCKET_PORT = 5432


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """A server that was started here, and the means to stop it for a while.

    `crash()` kills all its processes with SIGKILL, starts it anew on the data that they left, and returns
    when it has recovered. `at_rest()` shuts it down in order for a block that may copy, or replace, the data
    directory that it gets. Both raise ServerError when the server does not come back.
    """

    server: Server
    crash: Callable[[], object]
    at_rest: Callable[[], AbstractContextManager[Path]]


@contextmanager
def run_ephemeral(
    binaries: Binaries,
    *,
    port: int | None = None,
    durable: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[OwnServer]:
    """A new server with an empty cluster. Raises ServerError when it cannot start."""
    bases = base_directories(os.environ)
    sweep(bases)
    job = _make_job(binaries, bases, port=port, durable=durable, settings=settings)
    with _supervised(job, port=port) as ask:
        ready = ask(json.dumps(job._asdict()))
        server = Server(
            host=ready["host"],
            port=job.port,
            user=SUPERUSER,
            password=None,
            version=binaries.version,
            origin=binaries.origin,
            bin_dir=Path(ready["bin_dir"]),
            data_base=job.data_base,
            extensions=fingerprint(job.texts),
        )
        server = server if port is None else _with_password(server)
        yield OwnServer(server=server, crash=partial(ask, "crash"), at_rest=partial(_at_rest, ask))


@contextmanager
def _at_rest(ask: Callable[[str], dict[str, str]]) -> Iterator[Path]:
    yield Path(ask("rest")["data"])
    ask("wake")


def _make_job(
    binaries: Binaries, bases: list[Path], *, port: int | None, durable: bool, settings: Mapping[str, str]
) -> supervisor.Job:
    chosen = choose_account(binaries.bin_dir, environ=os.environ)
    places = choose_places(bases, chosen.account)
    installation = plan_installation(binaries, needs_copy=chosen.needs_copy)
    settings = {**installation.settings, **settings}
    return supervisor.Job(
        bin_dir=installation.bin_dir,
        copies=installation.copies,
        links=installation.links,
        texts=installation.texts,
        data_base=str(places.data),
        socket_base=str(places.socket),
        programs_base=str(places.programs),
        user=chosen.account.uid if chosen.account else None,
        group=chosen.account.gid if chosen.account else None,
        environment=program_environment(os.environ),
        initdb=initdb_arguments(binaries.version),
        configuration=configuration(tcp=port is not None, durable=durable, settings=settings),
        port=port or _SOCKET_PORT,
        log_name=LOG_NAME,
    )


@contextmanager
def _supervised(job: supervisor.Job, *, port: int | None) -> Iterator[Callable[[str], dict[str, str]]]:
    """A supervisor to ask for a server; the end of the block closes its standard input and waits for it."""
    command = [sys.executable, "-I", "-S", supervisor.__file__]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        start_new_session=True,  # Ctrl-C in the terminal is for the owner, who still needs the server.
    ) as process:

        def ask(line: str) -> dict[str, str]:
            answer = _exchange(process, line)
            if "ready" not in answer:
                raise describe_failed_start(**answer["failed"], base=Path(job.data_base), port=port)
            return answer["ready"]

        yield ask


def _exchange(process: subprocess.Popen[bytes], line: str) -> dict[str, dict[str, Any]]:
    assert process.stdin and process.stdout
    rest = memoryview(line.encode() + b"\n")
    with suppress(BrokenPipeError):
        while rest:  # a signal may cut a long line short
            rest = rest[process.stdin.write(rest) :]
    if not (answer := process.stdout.readline()):
        raise ServerError(
            "Could not start PostgreSQL: its supervisor ended without an answer.",
            why=f"Ran {sys.executable} -I -S {supervisor.__file__}",
            fixes=("run again; if it happens again, run that command by hand to see its error",),
        )
    return dict(json.loads(answer))


def _with_password(server: Server) -> Server:
    password = secrets.token_urlsafe(24)
    with psycopg.connect(server.conninfo(server.maintenance), autocommit=True) as connection:
        connection.execute(
            sql.SQL("alter role {} password {}").format(sql.Identifier(server.user), sql.Literal(password))
        )
    return replace(server, password=password)


SUPERUSER = "supabase_admin"

_SETTINGS = {
    "cluster_name": "pgassay",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # In the data directory: Docker's /dev/shm has 64 MB, and a killed server would leave its segments there.
    "dynamic_shared_memory_type": "mmap",
    # As on Supabase; with less, `create publication` warns.
    "wal_level": "logical",
    "max_wal_size": "256MB",
    "checkpoint_timeout": "1h",
    "log_checkpoints": "off",
    # Statistics change when a test says `analyze`; no worker stands in the way of cloning a template.
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")


def initdb_arguments(version: int) -> list[str]:
    """Options of initdb for a server_version_num; its supervisor adds the directory and the locale."""
    arguments = [
        f"--username={SUPERUSER}",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        "--no-sync",
        "--no-instructions",
    ]
    if version >= 170000:
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if version >= 180000:
        arguments.append("--no-data-checksums")
    return arguments


def configuration(*, tcp: bool, durable: bool, settings: Mapping[str, str]) -> str:
    """Lines for postgresql.conf; `tcp` listens on 127.0.0.1 too, `durable` survives a crash.

    `settings` are the caller's own, and win.
    """
    changing = dict.fromkeys(_DURABILITY, "on" if durable else "off")
    return render({**_SETTINGS, **changing, "listen_addresses": "127.0.0.1" if tcp else "", **settings})


def render(settings: Mapping[str, str]) -> str:
    """Settings as postgresql.conf reads them, every value quoted."""
    escapes = str.maketrans({"\\": r"\\", "'": "''"})
    return "".join(f"{name} = '{value.translate(escapes)}'\n" for name, value in settings.items())
