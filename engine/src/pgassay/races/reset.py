"""Bring a database back to where a scenario begins: its tables and sequences, nothing else.

A clone costs ten times as much. All of it is done by the schema's owner, never by a superuser.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from pgassay.catalog.model import Column, Relation, Trigger
from pgassay.catalog.read import read_catalog

_SCHEMA = "pgassay_baseline"

_CONTENTS: LiteralString = "select {}, count(*), max(xmin::text::bigint) from {}"
_POSITION: LiteralString = "select {}, last_value, is_called::integer from {}"
_DIFFERENCE: LiteralString = """
    (select {number}, false, to_jsonb(t)::text from {copy} t
        except all select {number}, false, to_jsonb(t)::text from {table} t)
    union all
    (select {number}, true, to_jsonb(t)::text from {table} t
        except all select {number}, true, to_jsonb(t)::text from {copy} t)
"""

Facts = list[tuple[Any, ...]]
Statement = sql.SQL | sql.Composed


@dataclass(frozen=True, kw_only=True)
class TableChange:
    """What became of a table's rows, each as JSON: which are no longer there, and which are new."""

    table: str
    gone: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _KeptTable:
    """A table, a copy of it as it was first, and another as it was when it was last marked."""

    title: str
    name: sql.Identifier
    first: sql.Identifier
    marked: sql.Identifier
    columns: sql.Composed

    def remember(self) -> list[Statement]:
        """Statements that make the present its marked copy."""
        return [
            sql.SQL("delete from {}").format(self.marked),
            sql.SQL("insert into {} select * from {}").format(self.marked, self.name),
        ]

    def restore(self, copy: sql.Identifier) -> list[Statement]:
        """Statements that put a copy in its place."""
        insert = sql.SQL("insert into {} ({}) overriding system value select {} from {}")
        return [
            sql.SQL("delete from {}").format(self.name),
            insert.format(self.name, self.columns, self.columns, copy),
        ]


class Baseline:
    """The contents of all tables and sequences at the time when it was made, kept in the database itself.

    `mark` makes the present the state to restore, `restore_first` goes back to where it all began.
    `connection` is the owner's, in autocommit mode; `restorer` is another one that restores: who plays a
    replica loses all of its plans. Raises psycopg.Error when the owner may not read a table, or not change
    one that was changed.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], restorer: psycopg.Connection[Any] | None = None
    ) -> None:
        self._connection, self._restorer = connection, restorer or connection
        # A policy that hides rows from the owner is an error, and not an incomplete copy.
        for one in (connection, self._restorer):
            one.execute("set row_security = off")
        # Who restores plays a replica, for which these would fire too. No session of a scenario is one.
        catalog = read_catalog(connection, Relation, Column, Trigger)
        for trigger in catalog.of(Trigger):
            if trigger.enabled == "A":
                connection.execute(f"alter table {trigger.table} enable trigger {trigger.quoted}".encode())
        relations = sorted(catalog.of(Relation), key=lambda relation: relation.oid)
        own = [relation for relation in relations if not relation.schema.startswith("pgassay_")]
        columns = catalog.parts(Column)
        self._tables = [_table(relation, columns[relation.oid]) for relation in own if relation.kind == "r"]
        self._sequences = [
            sql.Identifier(relation.schema, relation.relation) for relation in own if relation.kind == "S"
        ]
        self._state = _union(
            _of_each(_CONTENTS, [table.name for table in self._tables])
            + _of_each(_POSITION, self._sequences, start=len(self._tables))
        ).as_bytes(connection)
        self._run(
            [
                sql.SQL("create schema {}").format(sql.Identifier(_SCHEMA)),
                *(sql.SQL("create table {} as table {}").format(t.first, t.name) for t in self._tables),
                *(sql.SQL("create table {} (like {})").format(t.marked, t.first) for t in self._tables),
            ]
        )
        self._marked: list[_KeptTable] = []
        self._kept, self._places = self._read()
        self._first_places = self._places

    def mark(self) -> None:
        """Let `restore` lead here from now on."""
        contents, self._places = self._read()
        changed = self._changed(contents)
        self._marked += [table for table in changed if table not in self._marked]
        self._run(statement for table in changed for statement in table.remember())
        self._kept = contents

    def restore(self) -> None:
        """Put back what has changed since `mark`."""
        contents, places = self._read()
        self._replace(self._changed(contents), now=places)

    def changes(self) -> tuple[TableChange, ...]:
        """What is other than `restore` would leave it: the tables with rows that differ."""
        changed = self._changed(self._read()[0])
        query = sql.SQL(_DIFFERENCE)
        asked = [
            query.format(number=sql.Literal(number), table=table.name, copy=self._copy(table))
            for number, table in enumerate(changed)
        ]
        rows = self._connection.execute(sql.SQL(" union all ").join(asked)).fetchall() if asked else []
        return tuple(
            TableChange(
                table=table.title,
                gone=tuple(sorted(row for n, is_new, row in rows if n == number and not is_new)),
                new=tuple(sorted(row for n, is_new, row in rows if n == number and is_new)),
            )
            for number, table in enumerate(changed)
            if any(n == number for n, _, _ in rows)
        )

    def restore_first(self) -> None:
        """Put back what has changed since the baseline was made; forget `mark`."""
        contents, places = self._read()
        changed = self._changed(contents)
        changed += [table for table in self._marked if table not in changed]
        self._marked.clear()
        self._places = self._first_places
        self._replace(changed, now=places)

    def _changed(self, contents: Facts) -> list[_KeptTable]:
        # An insert or update raises the greatest xmin of a table, a delete lowers the count.
        pairs = zip(self._tables, self._kept, contents, strict=True)
        return [table for table, kept, now in pairs if kept != now]

    def _replace(self, tables: Sequence[_KeptTable], *, now: Facts) -> None:
        """Restore these tables, and the sequences that are elsewhere `now`."""
        restoring = [statement for table in tables for statement in table.restore(self._copy(table))]
        setval = sql.SQL("select pg_catalog.setval({}, {}, {}::boolean)")
        moving = [
            setval.format(sql.Literal(name.as_string(None)), sql.Literal(kept[1]), sql.Literal(kept[2]))
            for name, kept, found in zip(self._sequences, self._places, now, strict=True)
            if kept != found
        ]
        if restoring or moving:
            # Neither triggers nor foreign keys look on.
            replica = sql.SQL("set local session_replication_role = replica")
            self._restorer.execute(sql.SQL("; ").join([replica, *restoring, *moving]))
            self._kept, _ = self._read()

    def _copy(self, table: _KeptTable) -> sql.Identifier:
        return table.marked if table in self._marked else table.first

    def _run(self, statements: Iterable[Statement]) -> None:
        """All in one message, and so in one transaction."""
        self._connection.execute(sql.SQL("; ").join(statements))

    def _read(self) -> tuple[Facts, Facts]:
        """What tells that a table has changed, for each of them, and where each sequence is."""
        facts = self._connection.execute(self._state, prepare=True).fetchall()
        return facts[: len(self._tables)], facts[len(self._tables) :]


def _table(table: Relation, columns: Iterable[Column]) -> _KeptTable:
    kept = [sql.Identifier(column.name) for column in columns if not column.generated]
    return _KeptTable(
        title=table.name,
        name=sql.Identifier(table.schema, table.relation),
        first=sql.Identifier(_SCHEMA, str(table.oid)),
        marked=sql.Identifier(_SCHEMA, f"{table.oid}_marked"),
        columns=sql.SQL(", ").join(kept),
    )


def _of_each(query: LiteralString, names: Sequence[sql.Identifier], *, start: int = 0) -> list[sql.Composed]:
    return [sql.SQL(query).format(sql.Literal(number), name) for number, name in enumerate(names, start)]


def _union(queries: Sequence[sql.Composed]) -> sql.Composed:
    """All their rows, in the order of the queries."""
    nothing = sql.SQL("select null, null, null where false").format()
    return sql.SQL("{} order by 1").format(sql.SQL(" union all ").join(queries or [nothing]))
