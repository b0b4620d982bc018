"""Bring a database back to where a scenario begins: its tables and sequences, nothing else.

A clone costs ten times as much. All of it is done by the schema's owner, never by a superuser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

_SCHEMA = "pgassay_baseline"

_TABLES: LiteralString = """
    select n.nspname, c.relname, c.oid::text,
           array(select a.attname from pg_catalog.pg_attribute as a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                 order by a.attnum),
           array(select t.tgname from pg_catalog.pg_trigger as t
                 where t.tgrelid = c.oid and t.tgenabled = 'A' and not t.tgisinternal)
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%' order by c.oid
"""
_SEQUENCES: LiteralString = """
    select n.nspname, c.relname, c.oid::text
    from pg_catalog.pg_class as c inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where c.relkind = 'S' and n.nspname not like 'pg\\_%' order by c.oid
"""


@dataclass(frozen=True, kw_only=True)
class _Table:
    name: sql.Identifier
    copy: sql.Identifier
    columns: sql.Composed
    always: tuple[str, ...]  # triggers that also fire when session_replication_role is replica

    def restore(self) -> list[sql.Composable]:
        """Statements that put the copy in its place; neither triggers nor foreign keys look on."""
        switch = "alter table {} {} trigger {}"
        off, on = ("disable", "enable always")
        parts = {"table": self.name, "columns": self.columns, "copy": self.copy}
        return [
            *(self._switch(switch, off, trigger) for trigger in self.always),
            sql.SQL("delete from {table}").format(**parts),
            sql.SQL(
                "insert into {table} ({columns}) overriding system value select {columns} from {copy}"
            ).format(**parts),
            *(self._switch(switch, on, trigger) for trigger in self.always),
        ]

    def _switch(self, switch: LiteralString, state: LiteralString, trigger: str) -> sql.Composed:
        return sql.SQL(switch).format(self.name, sql.SQL(state), sql.Identifier(trigger))


class Baseline:
    """The contents of all tables and sequences at the time when it was made, kept in the database itself.

    `connection` is the owner's, in autocommit mode. Raises psycopg.Error when the owner may not read a table.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        # A policy that hides rows from the owner is an error, and not an incomplete copy.
        connection.execute("set row_security = off")
        self._tables = [_table(*row) for row in connection.execute(_TABLES).fetchall()]
        sequences = connection.execute(_SEQUENCES).fetchall()
        self._sequences = [sql.Identifier(schema, name) for schema, name, _ in sequences]
        self.sequence_oids = frozenset(oid for _, _, oid in sequences)
        self._copy()
        self._rows = _each("select {}, count(*), max(xmin::text::bigint) from {}", self._names())
        self._values = _each("select {}, last_value::text, is_called from {}", self._sequences)
        self._kept = self._read(self._rows)
        self._kept_values = self._read(self._values)

    def restore(self) -> None:
        """Put back what has changed since. Raises psycopg.Error when the owner may not."""
        now = self._read(self._rows)
        # An insert or update raises the greatest xmin of a table, a delete lowers the count.
        pairs = zip(self._tables, self._kept, now, strict=True)
        changed = [table for table, kept, found in pairs if kept != found]
        self._restore_sequences()
        if not changed:
            return
        statements = [statement for table in changed for statement in table.restore()]
        self._connection.execute(
            sql.SQL("; ").join(
                [
                    sql.SQL("begin; set local session_replication_role = replica"),
                    *statements,
                    sql.SQL("commit"),
                ]
            )
        )
        self._kept = self._read(self._rows)

    def _restore_sequences(self) -> None:
        for name, kept, now in zip(self._sequences, self._kept_values, self._read(self._values), strict=True):
            if kept != now:
                _, value, is_called = kept
                self._connection.execute(
                    "select pg_catalog.setval(%s::regclass, %s, %s)", [name.as_string(None), value, is_called]
                )

    def _copy(self) -> None:
        create = sql.SQL("create table {} as table {}")
        self._connection.execute(sql.SQL("create schema {}").format(sql.Identifier(_SCHEMA)))
        for table in self._tables:
            self._connection.execute(create.format(table.copy, table.name))

    def _names(self) -> list[sql.Identifier]:
        return [table.name for table in self._tables]

    def _read(self, query: sql.Composed | None) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, prepare=True).fetchall() if query else []


def _table(schema: str, name: str, oid: str, columns: list[str], always: list[str]) -> _Table:
    return _Table(
        name=sql.Identifier(schema, name),
        copy=sql.Identifier(_SCHEMA, oid),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        always=tuple(always),
    )


def _each(query: LiteralString, names: list[sql.Identifier]) -> sql.Composed | None:
    """One query of all `names`, in their order; None where there are none."""
    parts = [sql.SQL(query).format(sql.Literal(number), name) for number, name in enumerate(names)]
    return sql.SQL("{} order by 1").format(sql.SQL(" union all ").join(parts)) if parts else None
