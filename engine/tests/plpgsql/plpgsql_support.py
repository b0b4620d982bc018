"""Functions to be rewritten, databases with them, and all that can be seen of a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from pgassay.coverage.counters import install_counters
from pgassay.database import Database, Layer, Recipe, clone, ensure_template
from pgassay.server import Server

Connection = psycopg.Connection[Any]

FILES = tuple(sorted(Path(__file__).parent.glob("functions/*.sql")))
"""Each holds functions named after it, and calls that reach every statement that does not say "never"."""

COUNTERS = Layer(name="counters", step=install_counters)
NASTY = Layer(name="nasty functions", scripts=FILES)
TINY = Layer(name="tiny", scripts=(Path(__file__).with_name("tiny.sql"),))

_CALL = "-- call: "


@contextmanager
def open_database(server: Server, owner: str, *layers: Layer) -> Iterator[Database]:
    template = ensure_template(server, Recipe(owner=owner, layers=layers))
    with clone(server, template, owner=owner) as database:
        yield database


@contextmanager
def open_connection(server: Server, owner: str, *layers: Layer) -> Iterator[Connection]:
    """A connection in autocommit mode to a database of one's own, as its owner."""
    with (
        open_database(server, owner, *layers) as database,
        closing(database.connect(autocommit=True)) as connection,
    ):
        yield connection


def read_calls(*files: Path) -> list[str]:
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [line.removeprefix(_CALL) for line in lines if line.startswith(_CALL)]


def observe(connection: Connection, call: str) -> dict[str, Any]:
    """The rows or the whole error of a call, and its notices."""
    notices: list[tuple[str | None, ...]] = []

    def note(diag: psycopg.errors.Diagnostic) -> None:
        notices.append((diag.severity, diag.message_primary, diag.context))

    connection.add_notice_handler(note)
    try:
        cursor = connection.execute(call.encode())
        seen: dict[str, Any] = {"rows": cursor.fetchall() if cursor.description else cursor.statusmessage}
    except psycopg.Error as error:
        parts = ("sqlstate", "message_primary", "message_detail", "message_hint", "context")
        seen = {part: getattr(error.diag, part) for part in parts}
    finally:
        connection.remove_notice_handler(note)
    return {"call": call, "notices": notices, **seen}
