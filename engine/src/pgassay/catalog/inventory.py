"""What a schema says: all that access depends on, property by property, as the server understood it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString, NamedTuple

from pgassay.catalog.inventory_queries import BUCKETS, DEPENDENCIES, PROPERTIES
from pgassay.catalog.literals import find_literals
from pgassay.catalog.names import function_name, quoted
from pgassay.catalog.queries import SIGNATURES
from pgassay.database import Session

_FUNCTION_KINDS = ("function", "grant on function")


class ObjectKey(NamedTuple):
    """An object. `object` is spelled as in SQL: a relation, a function with its arguments, a schema.

    `name` is that of a policy, trigger, constraint, index or column of it, or of a grant's role.
    """

    kind: str
    object: str
    name: str


Properties = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The properties of all objects. `uses`: what views read, policies ask, triggers call, bodies name."""

    objects: Mapping[ObjectKey, Properties] = field(repr=False)
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)

    def reach(self, name: str) -> frozenset[str]:
        """`name` and all that it uses, over any number of steps."""
        found = {name}
        ahead = [name]
        while ahead:
            new = self.uses.get(ahead.pop(), frozenset()) - found
            found |= new
            ahead += new
        return frozenset(found)

    @property
    def roles(self) -> Mapping[ObjectKey, Properties]:
        """Those of the cluster's roles, which all databases share."""
        return {key: value for key, value in self.objects.items() if key.kind == "role"}


def read_inventory(session: Session, *, properties: LiteralString = PROPERTIES) -> Inventory:
    """Read the catalogs of the session's database, as the schema's owner."""
    with session.as_owner():
        rows = session.connection.execute(properties).fetchall()
        edges = session.connection.execute(DEPENDENCIES).fetchall()
        functions = sorted({row[1] for row in rows if row[0] in _FUNCTION_KINDS})
        signatures = session.connection.execute(SIGNATURES, {"functions": functions}).fetchall()
    spelled = {oid: function_name(name) for oid, name in signatures}
    spelled |= {
        oid: _relation(schema, name) for _, oid, schema, name, *_ in rows if oid and oid not in spelled
    }
    uses = _join(_uses(edges, spelled), _mentions(rows, spelled))
    return Inventory(objects=_objects(rows, spelled), uses=uses)


def read_buckets(session: Session, inventory: Inventory) -> Inventory:
    """The inventory with the storage buckets, if any: rows that decide about access."""
    with session.as_owner():
        there = session.connection.execute("select to_regclass('storage.buckets') is not null")
        rows = session.connection.execute(BUCKETS).fetchall() if there.fetchone() == (True,) else []
    return replace(inventory, objects={**inventory.objects, **_objects(rows, {})})


def _objects(rows: Iterable[tuple[Any, ...]], spelled: Mapping[int, str]) -> dict[ObjectKey, Properties]:
    found: dict[ObjectKey, dict[str, str]] = defaultdict(dict)
    for kind, oid, schema, relation, name, what, value in rows:
        object_ = spelled[oid] if kind in _FUNCTION_KINDS else _relation(schema, relation)
        found[ObjectKey(kind=kind, object=object_, name=name)][what] = value
    return dict(found)


def _relation(schema: str, name: str) -> str:
    return ".".join(quoted(part) for part in (schema, name) if part)


def _uses(edges: Iterable[tuple[int, int]], spelled: Mapping[int, str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for user, used in edges:
        if user in spelled and used in spelled:
            found[spelled[user]].add(spelled[used])
    return {name: frozenset(some) for name, some in found.items()}


def _mentions(rows: Iterable[tuple[Any, ...]], spelled: Mapping[int, str]) -> dict[str, frozenset[str]]:
    """What the bodies of functions name, in whatever schema: the server keeps no account of it.

    Not those of triggers: they belong to a table, and all that they touch would be near to it.
    """
    named: dict[str, set[str]] = defaultdict(set)
    bodies: dict[str, str] = {}
    triggers = set()
    for kind, oid, _, name, _, what, value in rows:
        if kind in ("relation", "function"):
            named[name].add(spelled[oid])
        if kind == "function" and what == "body":
            bodies[spelled[oid]] = value
        if kind == "function" and (what, value) == ("result", "trigger"):
            triggers.add(spelled[oid])
    return {
        function: frozenset().union(*(named.get(word, ()) for word in find_literals([body]).words))
        for function, body in bodies.items()
        if function not in triggers
    }


def _join(
    one: Mapping[str, frozenset[str]], other: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    return {name: one.get(name, frozenset()) | other.get(name, frozenset()) for name in {*one, *other}}
