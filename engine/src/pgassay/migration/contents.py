"""The rows of a database before and after a migration, and what it says that it does to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
from pglast.parser import ParseError, scan

from pgassay.catalog.model import Column, Index, Relation
from pgassay.catalog.names import relation_name
from pgassay.catalog.read import read_catalog
from pgassay.database import Script
from pgassay.errors import ConfigError

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


_MARK = "pgassay:"
_COMMENTS = ("SQL_COMMENT", "C_COMMENT")
_VERBS = ("changes", "removes")


@dataclass(frozen=True, kw_only=True)
class Intent:
    """Tables whose rows are meant to change, and tables meant to lose rows, or columns with values."""

    changes: frozenset[str] = frozenset()
    removes: frozenset[str] = frozenset()

    def lacks(self, change: TableChange) -> tuple[str, ...]:
        """The words that are missing for what happened to the rows of a table. They may be added unsaid."""
        found = []
        if change.changed and change.table not in self.changes:
            found.append("changes")
        if (change.lost or change.emptied) and change.table not in self.removes:
            found.append("removes")
        return tuple(found)


def read_intent(scripts: Sequence[Script]) -> Intent:
    """Comments such as `-- pgassay: changes public.jobs`. Raises ConfigError for one that makes no sense."""
    said = [statement for script in scripts for statement in _statements(script)]
    return Intent(
        changes=frozenset(table for verb, table in said if verb == "changes"),
        removes=frozenset(table for verb, table in said if verb == "removes"),
    )


def _statements(script: Script) -> Iterator[tuple[str, str]]:
    for start, text in _comments(script):
        if not text.startswith(_MARK):
            continue
        verb, _, tables = text.removeprefix(_MARK).strip().partition(" ")
        try:
            if verb not in _VERBS:
                raise ValueError(f"There is no word {verb!r}.")
            yield from ((verb, relation_name(table.strip())) for table in tables.split(","))
        except ValueError as error:
            raise ConfigError(
                f"{script.place(start)}: cannot understand what is said there: {text}",
                why=str(error),
                fixes=("write -- pgassay: changes public.jobs", "write -- pgassay: removes public.jobs"),
            ) from error


def _comments(script: Script) -> Iterator[tuple[int, str]]:
    """Where each comment starts, and what is in it; none where PostgreSQL's own scanner gives up."""
    try:
        tokens = scan(script.text)
    except ParseError:  # the server will say why
        return
    for token in tokens:
        if token.name in _COMMENTS:
            yield token.start, script.text[token.start : token.end + 1].strip("-/* \t\n")
