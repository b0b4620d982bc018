"""Keep a server with schema and world up for a person or a script."""

from __future__ import annotations

import json
import os
import selectors
import shlex
import sys
from contextlib import closing
from pathlib import Path

import psycopg
from rich.console import Console

from pgassay.config import Config
from pgassay.database import Database
from pgassay.pgtap import find_psql
from pgassay.server import describe_loss, open_server
from pgassay.workbench import Workbench


def hold_up(config: Config, *, port: int | None, as_json: bool, output: Path | None) -> None:
    """Start, load, announce, and wait for Ctrl-C or SIGTERM; with `as_json` also for the end of input.

    Raises ServerError when the server goes away by itself, SchemaError when the schema does not load.
    """
    with (
        Console(stderr=True).status("starting PostgreSQL") as status,
        open_server(config.server, port=port) as server,
    ):
        status.update("loading schema and world")
        with Workbench(config, server).database() as database:
            status.stop()
            announcement = _as_json(database) if as_json else _as_text(config, database)
            if output:
                output.write_text(announcement, encoding="utf-8")
            print(announcement, end="", flush=True)
            try:
                _wait(database, stop_at_end_of_input=as_json)
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
    psql = shlex.join([str(find_psql(server.bin_dir)), server.url(database.name)])
    return (
        f"PostgreSQL {server.version // 10000}.{server.version % 10000} ({server.origin}) with "
        f"{', '.join(file.name for file in files)}\n\n  {psql}\n\nCtrl-C stops it and removes everything.\n"
    )


def _wait(database: Database, *, stop_at_end_of_input: bool) -> None:
    """Sleep until the server closes a connection that does nothing, or the input ends."""
    server = database.server
    with (
        closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as connection,
        # Not epoll, which refuses a file or /dev/null as standard input.
        selectors.SelectSelector() as selector,
    ):
        selector.register(connection.fileno(), selectors.EVENT_READ, "server")
        if stop_at_end_of_input:
            selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "input")
        while True:
            for key, _ in selector.select():
                if key.data == "input":
                    if not os.read(sys.stdin.fileno(), 4096):
                        return
                    continue
                try:
                    connection.execute("select 1")
                except psycopg.OperationalError as error:
                    raise describe_loss(server, error) from error
