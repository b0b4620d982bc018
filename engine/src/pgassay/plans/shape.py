"""What slows the loading of millions of rows down: taken off a schema's tables, and put back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pgassay.errors import CannotJudgeError

# All of the owner's own tables, each in the order of creation: the planner breaks ties between indexes by it.
_TRIGGERS = """
    select
        t.tgname::text as name,
        pg_catalog.format('alter table %s disable trigger %I', t.tgrelid::regclass, t.tgname) as removal,
        pg_catalog.format(
            case t.tgenabled
                when 'A' then 'alter table %s enable always trigger %I'
                when 'R' then 'alter table %s enable replica trigger %I'
                when 'D' then 'alter table %s disable trigger %I'
                else 'alter table %s enable trigger %I'
            end, t.tgrelid::regclass, t.tgname
        ) as restoration
    from pg_catalog.pg_trigger as t inner join pg_catalog.pg_class as c on t.tgrelid = c.oid
    where not t.tgisinternal and c.relkind = 'r' and pg_catalog.pg_get_userbyid(c.relowner) = current_user
    order by t.oid
"""
_FOREIGN_KEYS = """
    select
        k.conname::text as name,
        pg_catalog.format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname) as removal,
        pg_catalog.format(
            'alter table %s add constraint %I %s',
            k.conrelid::regclass, k.conname, pg_catalog.pg_get_constraintdef(k.oid)
        ) as restoration
    from pg_catalog.pg_constraint as k inner join pg_catalog.pg_class as c on k.conrelid = c.oid
    where k.contype = 'f' and c.relkind = 'r' and pg_catalog.pg_get_userbyid(c.relowner) = current_user
    order by k.oid
"""
_INDEXES = """
    select
        i.indexrelid::regclass::text as name,
        case
            when k.oid is null then pg_catalog.format('drop index %s', i.indexrelid::regclass)
            else pg_catalog.format('alter table %s drop constraint %I', i.indrelid::regclass, k.conname)
        end as removal,
        case
            when k.oid is null then pg_catalog.pg_get_indexdef(i.indexrelid)
            else pg_catalog.format(
                'alter table %s add constraint %I %s',
                i.indrelid::regclass, k.conname, pg_catalog.pg_get_constraintdef(k.oid)
            )
        end as restoration
    from pg_catalog.pg_index as i
    inner join pg_catalog.pg_class as c on i.indrelid = c.oid
    left join pg_catalog.pg_constraint as k on i.indexrelid = k.conindid and k.contype in ('p', 'u', 'x')
    where c.relkind = 'r' and pg_catalog.pg_get_userbyid(c.relowner) = current_user
    order by i.indexrelid
"""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One trigger, key or index, and the statements that take it away and put it back."""

    name: str
    removal: str
    restoration: str


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The triggers, foreign keys and indexes, unique constraints among them, of the owner's tables."""

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
def stripped(connection: psycopg.Connection[Any], on_stage: Callable[[str], None]) -> Iterator[None]:
    """Tables with no more than their checks, inside the caller's transaction; the rest is back at the end.

    Every row is then judged by the unique indexes and foreign keys, as one. `on_stage` hears of each. Raises
    psycopg.Error where the rows break one of them, CannotJudgeError where the schema is not what it was.
    Comments on keys are lost.
    """
    before = read_shape(connection)
    for part in (*before.triggers, *before.foreign_keys, *before.indexes):
        connection.execute(part.removal.encode())
    yield
    for part in (*before.indexes, *before.foreign_keys, *before.triggers):
        on_stage(f"putting back {part.name}")
        connection.execute(part.restoration.encode())
    if read_shape(connection) != before:
        raise CannotJudgeError("Loading changed the schema.", why="A key, index or trigger is not as it was.")


def _read(connection: psycopg.Connection[Any], query: str) -> tuple[Part, ...]:
    rows = connection.cursor(row_factory=dict_row).execute(query.encode())
    return tuple(Part(**row) for row in rows)
