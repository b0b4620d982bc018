"""Keep a server with schema and world up for a person or a script."""

from __future__ import annotations

import json
import os
import selectors
import shlex
import signal
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from rich.console import Console

from pgassay.commands import Command, add_common, prepare
from pgassay.config import Config
from pgassay.database import Database
from pgassay.errors import ConfigError, ExitCode
from pgassay.pgtap.run import find_psql
from pgassay.render.output import write_report
from pgassay.render.text import name_files
from pgassay.server import Server, describe_loss, open_server
from pgassay.workbench import Workbench


def hold_up(config: Config, *, port: int | None, as_json: bool, output: Path | None) -> None:
    """Start, load, announce, and wait for Ctrl-C or SIGTERM; with `as_json` also for the end of input.

    Raises ServerError when the server goes away by itself, SchemaError when the schema does not load.
    """
    if as_json and sys.stdin is None:
        raise ConfigError(
            "Standard input is closed, and its end is what stops the server.",
            fixes=("leave standard input open as long as the server is needed", "use --format text"),
        )
    with (
        Console(stderr=True).status("starting PostgreSQL") as status,
        open_server(config.server, port=port) as server,
    ):
        status.update("loading schema and world")
        with Workbench(config, server).database() as database:
            status.stop()
            announcement = _as_json(database) if as_json else _as_text(config, database)
            with _watched(server) as connection:
                if output:
                    write_report(output, announcement)
                print(announcement, end="", flush=True)
                try:
                    _wait(connection, stop_at_end_of_input=as_json)
                except KeyboardInterrupt:
                    print(file=sys.stderr)


def _as_json(database: Database) -> str:
    """The one line that docs/json.md describes."""
    server = database.server
    document = {"dsn": server.url(database.name), "socket": server.host, "database": database.name}
    return json.dumps(document) + "\n"


def _as_text(config: Config, database: Database) -> str:
    server = database.server
    files = [*config.schema, *config.companions, *([config.world] if config.world else [])]
    psql = shlex.join([str(find_psql(server.bin_dir)), database.url()])
    what = f"{server.title} with {name_files(files)}"
    return f"{what}\n\n  {psql}\n\nCtrl-C stops it and removes everything.\n"


@contextmanager
def _watched(server: Server) -> Iterator[psycopg.Connection]:
    """A connection that does nothing but tell of the server's end, which is a ServerError in this block."""
    try:
        with closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise describe_loss(server, error) from error


@contextmanager
def signals() -> Iterator[socket.socket]:
    """What becomes readable with a signal: one that comes just before a sleep would not end it."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.settimeout(0)
        before = signal.set_wakeup_fd(writer.fileno())
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(before)


def _wait(connection: psycopg.Connection, *, stop_at_end_of_input: bool) -> None:
    """Sleep until the server closes the connection (psycopg.OperationalError), or the input ends."""
    # Not epoll, which refuses a file or /dev/null as standard input.
    with selectors.SelectSelector() as selector, signals() as woken:
        selector.register(woken, selectors.EVENT_READ, "signal")
        selector.register(connection.fileno(), selectors.EVENT_READ, "server")
        if stop_at_end_of_input:
            selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "input")
        while True:
            ready = {key.data for key, _ in selector.select()}
            if "server" in ready:
                connection.execute("select 1")
            if "input" in ready and not os.read(sys.stdin.fileno(), 4096):
                return


def _add(parser: ArgumentParser) -> None:
    add_common(parser, formats=("text", "json"))
    parser.add_argument("--port", type=int, help="also listen on 127.0.0.1 at this port, with a password")


def _run(options: Namespace) -> int:
    config = prepare(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to stop, as by Ctrl-C
    hold_up(config, port=options.port, as_json=options.format == "json", output=options.output)
    return ExitCode.GOOD


COMMAND = Command(
    name="up", help="an ephemeral server with schema and world loaded, until Ctrl-C", add=_add, run=_run
)
