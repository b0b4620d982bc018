"""The one reader of the system catalogs: each kind of object from one file of `sql/`, and what roles hold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, TypeVar

import psycopg
from psycopg.rows import dict_row

from pgassay.catalog import model
from pgassay.catalog.model import Dependency, Function, Grant, Part, Policy, Relation, Role, Thing
from pgassay.catalog.names import function_name, quoted, spell

T = TypeVar("T", bound=Thing | Dependency)
P = TypeVar("P", bound=Part)

# What a row has as schema and name, and a value spells as one.
_SPELLED: Mapping[type[Any], tuple[str, str]] = {
    model.Type: ("type", "name"),
    model.Sequence: ("sequence", "relation"),
    Grant: ("object", "object"),
}
HISTORY = "supabase_migrations"
"""The schema in which the CLI notes, as the schema's owner, which files it applied."""
ACCESS = (
    *(Relation, model.Column, model.Constraint, model.Index, Policy, model.Trigger, model.Rule, Function),
    *(model.Type, Grant, Role, model.Publication, model.Published, model.DefaultPrivilege, model.Other),
    Dependency,
)
"""The kinds that access depends on."""
EVERYTHING = (*ACCESS, model.Sequence)


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Objects by their kind; of a kind that was not read there are none."""

    user: str  # who read it
    search_path: tuple[str, ...]  # of whoever read it
    exposed: tuple[str, ...]  # the schemas that PostgREST serves
    things: Mapping[type[Any], tuple[Any, ...]] = field(repr=False)
    _grouped: dict[type[Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, kind: type[T]) -> tuple[T, ...]:
        """All objects of a kind."""
        return self.things.get(kind, ())

    def parts(self, kind: type[P]) -> Mapping[int, list[P]]:
        """The columns, policies … of each relation, by its OID."""
        if kind not in self._grouped:
            grouped: dict[int, list[P]] = defaultdict(list)
            for part in self.of(kind):
                grouped[part.relation_oid].append(part)
            self._grouped[kind] = grouped
        return defaultdict(list, self._grouped[kind])  # who looks up what is not there adds it

    @cached_property
    def relations(self) -> Mapping[int, Relation]:
        """Tables, views and the like by OID."""
        return {relation.oid: relation for relation in self.of(Relation)}

    @cached_property
    def own_tables(self) -> Mapping[int, Relation]:
        """The tables of whoever read this, by OID, without those in which the CLI notes what it did."""
        return {
            oid: table
            for oid, table in self.relations.items()
            if (table.kind, table.owner) == ("r", self.user) and table.schema != HISTORY
        }

    @cached_property
    def functions(self) -> Mapping[int, Function]:
        """Functions by OID."""
        return {function.oid: function for function in self.of(Function)}


def read_catalog(connection: psycopg.Connection[Any], *kinds: type[Thing | Dependency]) -> Catalog:
    """Read these kinds of objects, without the server's own, as the connection's current role.

    A transaction of the connection may be under way; it goes on with the search path that it had.
    """
    with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set local statement_timeout = 0")  # limits are for what a schema does
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
    names = filter(None, map(str.strip, (session["exposed"] or "").split(",")))
    return Catalog(
        user=session["user"],
        search_path=tuple(session["search_path"]),
        exposed=tuple(names) or ("public",),
        things=things,
    )


def read_updatable(connection: psycopg.Connection[Any]) -> dict[tuple[int, int], int]:
    """What can be written: by a relation's OID and a column's number, or 0, bits of 1 << CmdType."""
    rows = connection.execute(_query("updatable")).fetchall()
    return {(oid, number): events for oid, number, events in rows}


def read_shadowed(connection: psycopg.Connection[Any]) -> frozenset[tuple[str, int]]:
    """Names of functions of a schema that functions of the server have too, these with so many arguments."""
    return frozenset((name, arity) for name, arity in connection.execute(_query("shadowed")))


def read_marks(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """What differs once anything has altered the schema; cheap."""
    return connection.execute(_query("marks"), prepare=True).fetchall()


@cache
def _query(name: str) -> bytes:
    return (files("pgassay.catalog") / "sql" / f"{name}.sql").read_bytes()


def _read(cursor: psycopg.Cursor[dict[str, Any]], kind: type[Any]) -> Iterator[Any]:
    names = [one.name for one in fields(kind)]
    into, name = ("table", "relation") if issubclass(kind, Part) else _SPELLED.get(kind, ("", ""))
    file = re.sub("(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    for row in cursor.execute(_query(file)).fetchall():
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        if into:
            values[into] = spell(values["schema"], values[name])
        if "function" in values:
            values["function"] = function_name(values["function"])
        if "target_schema" in values:
            schema = values["target_schema"]
            values["target"] = spell(schema, values["target_relation"]) if schema else None
        yield kind(**{key: values[key] for key in names if key in values})


# What PostgreSQL's own roles may do to every relation and schema.
_EVERYWHERE = {
    ("table", "select"): {"pg_read_all_data"},
    ("sequence", "select"): {"pg_read_all_data"},
    ("schema", "usage"): {"pg_read_all_data", "pg_write_all_data"},
    **{("table", command): {"pg_write_all_data"} for command in ("insert", "update", "delete")},
    ("sequence", "update"): {"pg_write_all_data"},
    ("table", "maintain"): {"pg_maintain"},
}


class Access:
    """The privileges of roles in a catalog with Role and Grant, and with Function for these."""

    def __init__(self, catalog: Catalog) -> None:
        self.roles = {role.name: role for role in catalog.of(Role)}
        self._reach = {role.name: {*role.reach, "public"} for role in catalog.of(Role)}
        self._holders: dict[tuple[int, str, str], set[str]] = defaultdict(set)
        self._kinds: dict[int, str] = {}
        self._privileges: dict[str, set[str]] = defaultdict(set)
        self._schemas: dict[str, int] = {}
        for grant in catalog.of(Grant):
            self._holders[grant.oid, grant.column, grant.privilege].add(grant.role)
            self._kinds[grant.oid] = grant.kind
            if grant.kind == "schema":
                self._schemas[grant.object] = grant.oid
            if not grant.column:
                self._privileges[grant.kind].add(grant.privilege)

    def privileges(self, kind: str) -> Iterator[str]:
        """All that this version of the server has for a kind of object: owners start with them."""
        return iter(sorted(self._privileges[kind]))

    def holds(self, role: str, privilege: str, oid: int, column: str = "") -> bool:
        """As has_table_privilege and its like say; with `column`, as has_column_privilege does."""
        if self.roles[role].superuser:
            return True
        holders = self._holders.get((oid, "", privilege), frozenset[str]())
        own = self._holders.get((oid, column, privilege), frozenset[str]())
        everywhere = _EVERYWHERE.get((self._kinds.get(oid, ""), privilege), frozenset[str]())
        return not self._reach[role].isdisjoint(holders | own | everywhere)

    def uses(self, role: str, schema: str) -> bool:
        """Whether a role holds USAGE on a schema."""
        return self.holds(role, "usage", self._schemas.get(quoted(schema), 0))

    def is_filtered(self, role: str, relation: Relation) -> bool:
        """Whether policies apply to what the role does to a table."""
        one = self.roles[role]
        exempt = one.superuser or one.bypassrls or (relation.owner in one.reach and not relation.forced)
        return relation.secured and not exempt

    def applies(self, role: str, policy: Policy) -> bool:
        """Whether a policy is one of the role's."""
        return not self._reach[role].isdisjoint(policy.roles)
