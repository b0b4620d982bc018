"""What stands in the way of millions of rows: taken off a schema's tables, and put back as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from pgassay.errors import CannotJudgeError

_ENABLE = {"O": "enable", "A": "enable always", "R": "enable replica", "D": "disable"}

# Of the owner's own tables, each in the order of creation: the planner breaks ties between indexes by it.
_TRIGGERS = """
    select t.tgrelid::regclass::text, pg_catalog.quote_ident(t.tgname), t.tgenabled::text
    from pg_catalog.pg_trigger as t inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
    where not t.tgisinternal and c.relkind = 'r' and pg_catalog.pg_get_userbyid(c.relowner) = current_user
    order by t.oid
"""
_FOREIGN_KEYS = """
    select
        k.conrelid::regclass::text, pg_catalog.quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid)
    from pg_catalog.pg_constraint as k inner join pg_catalog.pg_class as c on k.conrelid = c.oid
    where k.contype = 'f' and c.relkind = 'r' and pg_catalog.pg_get_userbyid(c.relowner) = current_user
    order by k.oid
"""
_INDEXES = """
    select i.indrelid::regclass::text, i.indexrelid::regclass::text, pg_catalog.pg_get_indexdef(i.indexrelid)
    from pg_catalog.pg_index as i inner join pg_catalog.pg_class as c on i.indrelid = c.oid
    where c.relkind = 'r' and pg_catalog.pg_get_userbyid(c.relowner) = current_user
        and not exists (
            select from pg_catalog.pg_constraint as k where k.conindid = i.indexrelid and k.contype <> 'f'
        )
    order by i.indexrelid
"""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One trigger, foreign key or index: names as SQL spells them, and its state or its definition."""

    table: str
    name: str
    definition: str


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The triggers, foreign keys and indexes of the owner's tables; no index that carries a constraint."""

    triggers: tuple[Part, ...]
    foreign_keys: tuple[Part, ...]
    indexes: tuple[Part, ...]


def read_shape(connection: psycopg.Connection[Any]) -> Shape:
    """Read what `stripped` takes away."""
    return Shape(
        triggers=_read(connection, _TRIGGERS),
        foreign_keys=_read(connection, _FOREIGN_KEYS),
        indexes=_read(connection, _INDEXES),
    )


@contextmanager
def stripped(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Tables without triggers, foreign keys and indexes; put back at the end, foreign keys validated.

    Runs inside the caller's transaction. Checks and unique constraints stay. Raises CannotJudgeError where
    the schema is not what it was, psycopg.Error where the rows break a foreign key or a unique index.
    """
    before = read_shape(connection)
    _execute(connection, _taking_away(before))
    yield
    _execute(connection, _putting_back(before))
    if read_shape(connection) != before:
        raise CannotJudgeError("Loading changed the schema.", why="An index or trigger is not as it was.")


def _taking_away(shape: Shape) -> Iterator[str]:
    yield from (f"alter table {part.table} disable trigger {part.name}" for part in shape.triggers)
    yield from (f"alter table {part.table} drop constraint {part.name}" for part in shape.foreign_keys)
    yield from (f"drop index {part.name}" for part in shape.indexes)


def _putting_back(shape: Shape) -> Iterator[str]:
    yield from (part.definition for part in shape.indexes)
    for part in shape.foreign_keys:
        yield f"alter table {part.table} add constraint {part.name} {part.definition}"
    for part in shape.triggers:
        yield f"alter table {part.table} {_ENABLE[part.definition]} trigger {part.name}"


def _read(connection: psycopg.Connection[Any], query: str) -> tuple[Part, ...]:
    rows = connection.execute(query.encode()).fetchall()
    return tuple(Part(table=table, name=name, definition=definition) for table, name, definition in rows)


def _execute(connection: psycopg.Connection[Any], statements: Iterator[str]) -> None:
    for statement in statements:
        connection.execute(statement.encode())
