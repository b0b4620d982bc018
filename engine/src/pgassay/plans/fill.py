"""Load millions of rows as the schema's owner, by COPY, and leave the schema as it was.

Without `session_replication_role`: checks judge each row as it comes, unique and foreign keys all of them at
the end. Only the schema's own triggers sleep, so what they keep is looked at afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import psycopg
from psycopg import sql

from pgassay.errors import CannotJudgeError, ServerError
from pgassay.plans.load import Load, Rows
from pgassay.plans.shape import stripped

Announce = Callable[[str], None]

_LINES_AT_ONCE = 256  # what fits into a socket: while the server reads, the generator goes on
_LINES_ANNOUNCED = 1 << 14


def fill(
    connection: psycopg.Connection[Any], load: Load, *, scale: float, on_stage: Announce = lambda _: None
) -> None:
    """Load everything in one transaction, then gather statistics. The connection is the owner's.

    `on_stage` hears what is going on. Raises CannotJudgeError where the rows do not fit the schema or an
    invariant does not hold, ServerError where the server fails, as with a full disk.
    """
    connection.execute("set maintenance_work_mem = '256MB'; set work_mem = '64MB'")
    try:
        with connection.transaction(), stripped(connection, on_stage):
            tables = [_copy(connection, rows, on_stage) for rows in load.generate(scale)]
        on_stage("gathering statistics")
        connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.SQL(", ").join(tables)))
        on_stage("checking invariants")
        _check(connection, load)
    except psycopg.OperationalError as error:  # a full disk, above all
        raise ServerError("The server could not take the load.", why=str(error).strip()) from error
    except psycopg.Error as error:
        raise CannotJudgeError(f"{load.file} does not fit the schema.", why=str(error).strip()) from error


def _copy(connection: psycopg.Connection[Any], rows: Rows, on_stage: Announce) -> sql.Identifier:
    """Load one table, and say which."""
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    table = sql.Identifier(*rows.table.split("."))
    with connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(table, columns)) as copy:
        for number, chunk in enumerate(_chunks(rows.lines)):
            if number * _LINES_AT_ONCE % _LINES_ANNOUNCED == 0:
                on_stage(f"loading {rows.table}: {number * _LINES_AT_ONCE:,} lines")
            copy.write(chunk)
    return table


def _chunks(lines: Iterable[str]) -> Iterator[str]:
    remaining = iter(lines)
    while chunk := "".join(islice(remaining, _LINES_AT_ONCE)):
        yield chunk


def _check(connection: psycopg.Connection[Any], load: Load) -> None:
    for query in load.invariants:
        broken = connection.execute(query.encode()).fetchone()
        if broken:
            raise CannotJudgeError(
                f"{load.file} breaks an invariant.", why=f"{query.strip()}\nfinds {broken}"
            )
