"""The text of what is tried: complete statements, names qualified, values as literals; and what to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from psycopg import sql

from pgassay.catalog.model import Column, Constraint
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Surface, Table
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


AS_OWNER = "set local role none"
"""What ends what `become` begins."""


def become(persona: Persona) -> tuple[str, ...]:
    """What makes a request of the persona's out of a transaction."""
    claims = sql.Literal(claims_of(persona)).as_string(None)
    return (
        f"select set_config('request.jwt.claims', {claims}, true);",
        f"set local role {quoted(persona.role)};",
    )


_LARGEST = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1}
NUMBERS = (*_LARGEST, "numeric", "float4", "float8", "money")
_ONE = {"money": "'1'::money"}
TEXTS = ("text", "varchar", "bpchar", "name", "citext")
MOMENTS = ("timestamptz", "timestamp", "date")
_TIMES = ("timestamp", "timestamptz", "time", "timetz", "interval")

_JSON = """case {}::text when '{{}}' then '{{"pgassay": true}}' else '{{}}' end"""

# By pg_type.typname: another value than {}, and a first one where there is none.
_STEPS = {
    **dict.fromkeys(("numeric", "float4", "float8"), "{} + 1"),
    **{name: f"case {{0}} when {most} then {{0}} - 1 else {{0}} + 1 end" for name, most in _LARGEST.items()},
    "money": f"{{}} + {_ONE['money']}",
    **dict.fromkeys(_TIMES, "{} + interval '1 second'"),
    **dict.fromkeys(("date", "inet"), "{} + 1"),
    **dict.fromkeys(("json", "jsonb"), _JSON),
    "bool": "not {}",
    "uuid": "md5({}::text)::uuid",
    "bytea": "{} || '\\x00'::bytea",
}
_STARTS = {
    **dict.fromkeys(NUMBERS, "'1'"),
    **dict.fromkeys(TEXTS, "'x'"),
    **dict.fromkeys(("timestamp", "timestamptz", "date"), "'2030-01-01'"),
    **dict.fromkeys(("time", "timetz"), "'12:00'"),
    **dict.fromkeys(("json", "jsonb"), "'{}'"),
    "interval": "'1 second'",
    "inet": "'127.0.0.1'",
    "bool": "'true'",
    "uuid": "md5('pgassay')::uuid::text",
    "bytea": "'\\x00'",
}
_ARRAY = "A"  # pg_type.typcategory


def changed_value(surface: Surface, table: Table, column: Column) -> str:
    """Another value for `column`, cast to text; the same one where nothing is known to fit its type.

    Numbers + 1 (past the largest where they must be unique; less where a type ends), booleans negated, text
    with an x at its end, another key for a foreign key, times a second later, JSON {}, uuids hashed.
    """
    this = f"t.{column.quoted}"
    for key in table.foreign_keys:
        if key.columns == (column.name,):
            return f"({_other_key(key, surface.tables[key.target_oid], this)})::text"
    step = _step(table, column, this)
    start = "'{}'" if column.category == _ARRAY else _STARTS.get(column.base)
    return f"coalesce(({step})::text, {start})" if step and start else f"({this})::text"


def _step(table: Table, column: Column, this: str) -> str | None:
    if column.base in NUMBERS and any(column.name in index.columns for index in table.unique):
        return _free(table, column, this)
    if column.base in TEXTS:
        return _longer(column, this)
    if column.category == _ARRAY:
        # What is appended to an array of more dimensions must be an array.
        return f"case when array_ndims({this}) > 1 then {this} || {this} else array_append({this}, null) end"
    template = _STEPS.get(column.base)
    return template.format(this) if template else None


def _free(table: Table, column: Column, this: str) -> str:
    """A number that no row has: past the largest, or below the least where that is the last of its type."""
    past = f"max({this}) + {_ONE.get(column.base, '1')}"
    if column.base in _LARGEST:
        past = f"case max({this}) when {_LARGEST[column.base]} then min({this}) - 1 else {past} end"
    return f"(select {past} from {table.name} as t)"


def _longer(column: Column, this: str) -> str:
    if column.length is None:
        return f"{this}::text || 'x'"
    full = f"left({this}, {column.length - 1}) || case right({this}, 1) when 'x' then 'y' else 'x' end"
    return f"case when length({this}) < {column.length} then {this} || 'x' else {full} end"


def _other_key(key: Constraint, target: Table, this: str) -> str:
    """A foreign key wants one that exists."""
    theirs = f"f.{quoted(key.target_columns[0])}"
    order = "f.ctid" if target.stored else theirs  # a key may be drawn at random
    return (
        f"select coalesce((select {theirs} from {target.name} as f "
        f"where {theirs} is distinct from {this} order by {order} limit 1), {this})"
    )
