"""The text of what is tried: complete statements, names qualified, values as literals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from psycopg import sql

from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.observation import Persona
from pgassay.supabase.identity import claims_of

Values = Mapping[str, str | None]
DEFAULT = "default"


@lru_cache(maxsize=4096)
def literal(value: str | None) -> str:
    """A value as PostgREST sends it: of no type, so that it takes the column's."""
    return "null" if value is None else sql.Literal(value).as_string(None)


@lru_cache(maxsize=4096)
def condition(key: tuple[str, ...], values: tuple[str | None, ...]) -> str:
    """The WHERE that names one row; true where the table has no column to name it by."""
    # `is not distinct from` uses no index.
    operator = "=" if None not in values else "is not distinct from"
    pairs = zip(key, values, strict=True)
    return " and ".join(f"{quoted(name)} {operator} {literal(value)}" for name, value in pairs) or "true"


def select(
    table: Table, key: tuple[str, ...], rows: Sequence[tuple[str | None, ...]], *, column: str = ""
) -> str:
    """Read the keys of `rows`, and `column` where one is asked about."""
    read = [f"{quoted(name)}::text" for name in key]
    if column:
        read.append(quoted(column))
    if len(key) == 1 and not any(None in row for row in rows):
        where = f"{quoted(key[0])} in ({', '.join(literal(value) for row in rows for value in row)})"
    else:
        where = " or ".join(f"({condition(key, row)})" for row in rows)
    return f"select {', '.join(read)} from {table.name} where {where}"


def insert(table: Table, values: Values, *, overriding: bool) -> str:
    """`overriding`: a column is generated always as identity."""
    if not values:
        return f"insert into {table.name} default values"
    system = " overriding system value" if overriding else ""
    names = ", ".join(quoted(name) for name in values)
    return f"insert into {table.name} ({names}){system} values ({', '.join(map(literal, values.values()))})"


def update(table: Table, column: str, value: str, *, where: str = "") -> str:
    """`value` is SQL. Without `where` all rows that can be reached are meant."""
    return f"update {table.name} set {quoted(column)} = {value}{f' where {where}' if where else ''}"


def delete(table: Table, *, where: str = "") -> str:
    return f"delete from {table.name}{f' where {where}' if where else ''}"


def become(persona: Persona) -> tuple[str, ...]:
    """What makes a request of the persona's out of a transaction."""
    claims = sql.Literal(claims_of(persona)).as_string(None)
    return (
        f"select set_config('request.jwt.claims', {claims}, true);",
        f"set local role {quoted(persona.role)};",
    )
