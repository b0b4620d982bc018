"""The rows of a database before and after a migration. Reading is the only I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from pgassay.catalog.model import Column, Index, Relation
from pgassay.catalog.read import read_catalog

Values = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class TableContents:
    """A table's rows as text. Columns are known by number, which outlives their names; so are keys.

    `storage` is the file that holds the rows: another one after a rewrite.
    """

    name: str
    storage: int | None
    columns: Mapping[int, str]
    key: tuple[int, ...] = ()
    rows: tuple[Values, ...] = field(default=(), repr=False)

    def project(self, numbers: tuple[int, ...]) -> list[Values]:
        """The rows, with these columns only."""
        places = [list(self.columns).index(number) for number in numbers]
        return [tuple(row[place] for place in places) for row in self.rows]


Contents = Mapping[int, TableContents]
"""Tables by OID, which outlives their names."""


@dataclass(frozen=True, kw_only=True)
class TableChange:
    """What became of a table that was there before: rows lost, added, or changed in which `columns`.

    `emptied`: columns that are gone with the values in them.
    """

    table: str
    lost: int = 0
    added: int = 0
    changed: int = 0
    columns: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()


def read_contents(connection: psycopg.Connection[Any]) -> dict[int, TableContents]:
    """All tables that the connection's role may read, in one snapshot.

    Raises psycopg.errors.InsufficientPrivilege where row level security would hide rows from it.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local row_security = off")
        catalog = read_catalog(connection, Relation, Column, Index)
        columns, indexes = catalog.parts(Column), catalog.parts(Index)
        return {
            oid: _read(connection, table, columns[oid], indexes[oid])
            for oid, table in catalog.relations.items()
            if table.kind == "r" and table.readable
        }


def _read(
    connection: psycopg.Connection[Any],
    table: Relation,
    columns: Sequence[Column],
    indexes: Sequence[Index],
) -> TableContents:
    values = ", ".join(f"t.{column.quoted}::text" for column in columns)
    rows = connection.execute(f"select array[{values}]::text[] from only {table.name} as t".encode())
    return TableContents(
        name=table.name,
        storage=table.storage,
        columns={column.number: column.name for column in columns},
        key=next((index.numbers for index in indexes if index.primary), ()),
        rows=tuple(tuple(row) for (row,) in rows),
    )


def compare_contents(before: Contents, after: Contents) -> Iterator[TableChange]:
    """What happened to the rows of each table that was there before, where something did."""
    now = _follow(before, after)
    for oid, table in before.items():
        if oid not in now:
            yield TableChange(table=table.name, lost=len(table.rows))
            continue
        change = _compare(table, now[oid])
        if change != TableChange(table=change.table):
            yield change


def rewritten(before: Contents, after: Contents) -> tuple[str, ...]:
    """The tables that were there before and whose rows lie in another file now."""
    now = _follow(before, after)
    return tuple(
        table.name for oid, table in before.items() if oid in now and now[oid].storage != table.storage
    )


def _follow(before: Contents, after: Contents) -> dict[int, TableContents]:
    """What became of each table: itself, or else a new one that has taken its name."""
    new = {table.name: table for oid, table in after.items() if oid not in before}
    heirs = {
        oid: _numbered_like(table, new[table.name]) for oid, table in before.items() if table.name in new
    }
    return {**heirs, **{oid: table for oid, table in after.items() if oid in before}}


def _numbered_like(old: TableContents, new: TableContents) -> TableContents:
    """`new` with the numbers of `old` for columns of the same name, and others than it has for the rest."""
    numbers = {name: number for number, name in old.columns.items()}
    renumbered = {number: numbers.get(name, -number) for number, name in new.columns.items()}
    return replace(
        new,
        columns={renumbered[number]: name for number, name in new.columns.items()},
        key=tuple(renumbered[number] for number in new.key),
    )


def find_touched(before: Contents, after: Contents) -> dict[str, frozenset[str]]:
    """By table, the columns that are new or hold other values than before."""
    changed = {change.table: frozenset(change.columns) for change in compare_contents(before, after)}
    return {
        table.name: changed.get(table.name, frozenset())
        | {name for number, name in table.columns.items() if number not in before[oid].columns}
        for oid, table in after.items()
        if oid in before
    }


def _compare(before: TableContents, after: TableContents) -> TableChange:
    shared = tuple(number for number in before.columns if number in after.columns)
    gone = [number for number in before.columns if number not in after.columns]
    emptied = tuple(
        before.columns[number]
        for number in gone
        if any(value is not None for (value,) in before.project((number,)))
    )
    if before.key and set(before.key) <= set(shared):
        return _compare_by_key(before, after, shared, emptied)
    old, new = Counter(before.project(shared)), Counter(after.project(shared))
    return TableChange(table=after.name, lost=(old - new).total(), added=(new - old).total(), emptied=emptied)


def _compare_by_key(
    before: TableContents, after: TableContents, shared: tuple[int, ...], emptied: tuple[str, ...]
) -> TableChange:
    old, new = (
        dict(zip(table.project(before.key), table.project(shared), strict=True)) for table in (before, after)
    )
    changed = [key for key, row in old.items() if key in new and new[key] != row]
    moved = {
        after.columns[number]
        for key in changed
        for number, one, other in zip(shared, old[key], new[key], strict=True)
        if one != other
    }
    return TableChange(
        table=after.name,
        lost=len(old.keys() - new.keys()),
        added=len(new.keys() - old.keys()),
        changed=len(changed),
        columns=tuple(sorted(moved)),
        emptied=emptied,
    )
