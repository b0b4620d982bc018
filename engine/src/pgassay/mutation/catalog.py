"""Read what there is to break: the things that a schema itself brought into a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import cache
from typing import Any, LiteralString

import psycopg
from pglast import parser
from psycopg import sql
from psycopg.rows import dict_row

from pgassay.catalog.names import function_name, quoted, relation_name
from pgassay.mutation import catalog_queries as queries
from pgassay.mutation.things import (
    Cell,
    Column,
    Constraint,
    Enum,
    Function,
    Index,
    Policy,
    Right,
    Table,
    Thing,
    Trigger,
    View,
)
from pgassay.workbench import Workbench

_KINDS: tuple[tuple[type[Thing], LiteralString], ...] = (
    (Table, queries.TABLES),
    (Column, queries.COLUMNS),
    (Constraint, queries.CONSTRAINTS),
    (Index, queries.INDEXES),
    (Policy, queries.POLICIES),
    (Trigger, queries.TRIGGERS),
    (Function, queries.FUNCTIONS),
    (View, queries.VIEWS),
    (Enum, queries.ENUMS),
)
_RELATIONS = ("table", "view", "index", "target")
_OF_FUNCTION = ("function",)

Connection = psycopg.Connection[Any]


def read_things(bench: Workbench) -> tuple[Thing, ...]:
    """All that schema and companions bring with them, beside what the environment has."""
    roles = sorted({persona.role for persona in bench.personas.values()})
    found: dict[str, tuple[Thing, ...]] = {}
    for depth in ("environment", "schema"):
        with bench.database(depth=depth) as database, closing(database.connect()) as connection:
            found[depth] = read_catalog(connection, roles=roles)
    known = set(found["environment"])
    return tuple(thing for thing in found["schema"] if thing not in known)


def read_catalog(connection: Connection, *, roles: Iterable[str]) -> tuple[Thing, ...]:
    """All objects but the server's own and those of extensions; rights of `roles`; numbers in rows."""
    # Every name that the server writes shall have its schema.
    with connection.transaction(force_rollback=True):
        connection.execute("set local search_path = ''")
        things = [kind(**row) for kind, query in _KINDS for row in _rows(connection, query)]
        rights = _read_rights(connection, roles=list(roles))
        return (*things, *rights, *_read_cells(connection))


def _read_cells(connection: Connection) -> Iterator[Cell]:
    for table in _rows(connection, queries.SEEDED):
        if table["numbers"]:
            yield from _cells(connection, **table)


def _cells(connection: Connection, *, table: str, key: list[str], numbers: list[str]) -> Iterator[Cell]:
    columns = ", ".join(f"{quoted(name)}::text" for name in (*key, *numbers))
    try:
        with connection.transaction():
            rows = connection.execute(f"select {columns} from {table} order by 1".encode()).fetchall()
    except psycopg.errors.InsufficientPrivilege:  # the service's own, such as auth.users
        return
    for row in rows:
        named = zip(key, row, strict=False)
        condition = " and ".join(f"{quoted(name)} = {_literal(value)}" for name, value in named)
        for column, value in zip(numbers, row[len(key) :], strict=True):
            if value is not None:
                yield Cell(table=table, row=condition, column=column, value=value)


def _literal(value: str) -> str:
    return sql.Literal(value).as_string(None)


def _read_rights(connection: Connection, *, roles: list[str]) -> Iterator[Right]:
    for granted, query in ((True, queries.GRANTED), (False, queries.LACKING)):
        for row in _rows(connection, query, {"roles": roles}):
            yield Right(**row | {"object": _spell(row["kind"], row["object"])}, granted=granted)


def _spell(kind: str, name: str) -> str:
    return name if kind == "schema" else function_name(name) if kind == "function" else _relation(name)


def _rows(
    connection: Connection, query: LiteralString, params: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    rows = connection.cursor(row_factory=dict_row).execute(query, params).fetchall()
    rows.sort(key=lambda row: [str(value) for value in row.values()])
    return [{name: _spelled(name, value) for name, value in row.items()} for row in rows]


def _spelled(name: str, value: object) -> object:
    if isinstance(value, list):
        return frozenset(map(str, value)) if name == "tables" else tuple(value)
    if name in _RELATIONS and isinstance(value, str):
        return _relation(value)
    return function_name(value) if name in _OF_FUNCTION and isinstance(value, str) else value


@cache
def _relation(text: str) -> str:
    return relation_name(text)


def bare_name(name: str) -> str:
    """The last part of an object's name, without schema, quotes and arguments."""
    parts = [part for part in scan(name.partition("(")[0]) if part != "."]
    return parts[-1] if parts else name


def scan(text: str) -> list[str]:
    """The tokens of SQL, quotes taken off; of what is no SQL at all, its words."""
    try:
        tokens = parser.scan(text)
    except parser.ParseError:
        return text.split()
    return [text[token.start : token.end + 1].strip("\"'") for token in tokens]
