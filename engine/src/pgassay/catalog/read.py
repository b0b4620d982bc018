"""The one reader of the system catalogs: each kind of object from one file of `sql/`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from pgassay.catalog.model import (
    Column,
    Constraint,
    DefaultPrivilege,
    Dependency,
    Function,
    Grant,
    Index,
    Other,
    Part,
    Policy,
    Publication,
    Published,
    Relation,
    Role,
    Rule,
    Sequence,
    Thing,
    Trigger,
    Type,
)
from pgassay.catalog.names import function_name, spell

T = TypeVar("T", bound=Thing | Dependency)
P = TypeVar("P", bound=Part)

_FILES: Mapping[type[Any], str] = {
    Relation: "relations",
    Column: "columns",
    Constraint: "constraints",
    Index: "indexes",
    Policy: "policies",
    Trigger: "triggers",
    Rule: "rules",
    Function: "functions",
    Type: "types",
    Grant: "grants",
    DefaultPrivilege: "default_privileges",
    Role: "roles",
    Publication: "publications",
    Published: "published",
    Sequence: "sequences",
    Other: "others",
    Dependency: "dependencies",
}
# What a row has as schema and name, and a value spells as one.
_SPELLED: Mapping[type[Any], tuple[str, str]] = {
    Type: ("type", "name"),
    Sequence: ("sequence", "relation"),
    Grant: ("object", "object"),
}
ACCESS = (
    *(Relation, Column, Constraint, Index, Policy, Trigger, Rule, Function, Type, Grant),
    *(Role, Published, Dependency),
)
"""The kinds that access depends on."""
EVERYTHING = tuple(_FILES)


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Objects by their kind; of a kind that was not read there are none."""

    user: str  # who read it
    search_path: tuple[str, ...]  # of whoever read it
    exposed: tuple[str, ...]  # the schemas that PostgREST is told to serve
    things: Mapping[type[Any], tuple[Any, ...]] = field(repr=False)

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """All objects of a kind."""
        return self.things.get(kind, ())

    def parts(self, kind: type[P]) -> Mapping[int, list[P]]:
        """The columns, policies … of each relation, by its OID."""
        grouped: dict[int, list[P]] = defaultdict(list)
        for part in self.of(kind):
            grouped[part.relation_oid].append(part)
        return grouped

    @cached_property
    def relations(self) -> Mapping[int, Relation]:
        """Tables, views and the like by OID."""
        return {relation.oid: relation for relation in self.of(Relation)}

    @cached_property
    def functions(self) -> Mapping[int, Function]:
        """Functions by OID."""
        return {function.oid: function for function in self.of(Function)}


def read_catalog(connection: psycopg.Connection[Any], *kinds: type[Thing | Dependency]) -> Catalog:
    """Read these kinds of objects, without the server's own, as the connection's current role.

    A transaction of the connection may be under way; it goes on with the search path that it had.
    """
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        [session] = cursor.execute(_query("session")).fetchall()
        # Every name that the server writes shall have its schema.
        cursor.execute("set local search_path = ''")
        things = {kind: tuple(_read(cursor, kind)) for kind in kinds}
    signatures = {function.oid: function.function for function in things.get(Function, ())}
    if Grant in things:  # whoever reads grants without functions has none on these
        things[Grant] = tuple(
            replace(grant, object=signatures[grant.oid]) if grant.kind == "function" else grant
            for grant in things[Grant]
            if grant.kind != "function" or grant.oid in signatures
        )
    return Catalog(
        user=session["user"],
        search_path=tuple(session["search_path"]),
        exposed=tuple(name.strip() for name in (session["exposed"] or "").split(",") if name.strip()),
        things=things,
    )


def read_updatable(connection: psycopg.Connection[Any]) -> dict[tuple[int, int], int]:
    """What can be written: by a relation's OID and a column's number, or 0, bits of 1 << CmdType."""
    rows = connection.execute(_query("updatable")).fetchall()
    return {(oid, number): events for oid, number, events in rows}


def read_marks(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """What differs once anything has altered the schema; cheap."""
    return connection.execute(_query("marks"), prepare=True).fetchall()


@cache
def _query(name: str) -> bytes:
    return (files("pgassay.catalog") / "sql" / f"{name}.sql").read_bytes()


def _read(cursor: psycopg.Cursor[dict[str, Any]], kind: type[Any]) -> Iterator[Any]:
    names = [one.name for one in fields(kind)]
    into, name = ("table", "relation") if issubclass(kind, Part) else _SPELLED.get(kind, ("", ""))
    for row in cursor.execute(_query(_FILES[kind])).fetchall():
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        if into:
            values[into] = spell(values["schema"], values[name])
        if "function" in values:
            values["function"] = function_name(values["function"])
        if "target_schema" in values:
            schema = values["target_schema"]
            values["target"] = spell(schema, values["target_relation"]) if schema else None
        yield kind(**{key: values[key] for key in names if key in values})
