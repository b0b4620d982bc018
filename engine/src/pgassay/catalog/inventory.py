"""What a schema says: all that access depends on, property by property, as the server understood it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Dependency, Function, Index, ObjectKey, Relation, Thing
from pgassay.catalog.names import quoted
from pgassay.catalog.read import ACCESS, EVERYTHING, Catalog, read_catalog
from pgassay.database import Session

# As JSON: Supabase's own migrations add columns.
_BUCKETS = """
    select b.id, p.key, p.value
    from storage.buckets as b cross join lateral jsonb_each_text(to_jsonb(b)) as p
    where p.key in ('public', 'file_size_limit', 'allowed_mime_types') and p.value is not null
"""

# As the schema left them: a clone of its database has none.
_SETTINGS = """
    select s.part ->> 0, pg_catalog.split_part(c.entry, '=', 1), pg_catalog.substring(c.entry, '=(.*)')
    from pgassay.settings as t
    cross join lateral pg_catalog.jsonb_array_elements(t.value) as s (part)
    cross join lateral pg_catalog.jsonb_array_elements_text(s.part -> 1) as c (entry)
    where t.name = 'database'
"""

# Not what defaults and checks call.
_ASKED = ("pg_rewrite", "pg_policy", "pg_trigger")

Properties = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The properties of all objects. `uses`: what views read, policies ask, triggers call, bodies name.

    `feeds`: the relations that the bodies of triggers' functions name. They are no part of what a table uses:
    all that its triggers touch would be near to it. `needs`: on whatever its answers may depend.
    """

    objects: Mapping[ObjectKey, Properties] = field(repr=False)
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    feeds: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    _reached: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def reach(self, name: str) -> frozenset[str]:
        """`name` and all that it uses, over any number of steps."""
        if name not in self._reached:
            self._reached[name] = frozenset({name} | follow(self.uses, name))
        return self._reached[name]

    @property
    def roles(self) -> Mapping[ObjectKey, Properties]:
        """Those of the cluster's roles, which all databases share."""
        return {key: value for key, value in self.objects.items() if key.kind == "role"}


def follow(steps: Mapping[str, AbstractSet[str]], name: str) -> set[str]:
    """What can be come to from `name`, over any number of steps."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        new = steps.get(ahead.pop(), frozenset()) - found
        found |= new
        ahead += new
    return found


def read_inventory(session: Session, *, besides: bool = False) -> Inventory:
    """Read the catalogs of the session's database, as the schema's owner.

    With `besides`, what access does not depend on, too: comments, storage, sequences, default privileges and
    more; operators, casts, collations and the like by name alone.
    """
    with session.as_owner():
        catalog = read_catalog(session.connection, *(EVERYTHING if besides else ACCESS))
    return take_inventory(catalog, besides=besides)


def read_both_inventories(session: Session) -> tuple[Inventory, Inventory]:
    """What access depends on, and all that there is."""
    with session.as_owner():
        catalog = read_catalog(session.connection, *EVERYTHING)
    return take_inventory(catalog), take_inventory(catalog, besides=True)


def take_inventory(catalog: Catalog, *, besides: bool = False) -> Inventory:
    """The properties of a catalog's objects. Pure."""
    objects: dict[ObjectKey, dict[str, str]] = defaultdict(dict)
    composite = {oid for oid, relation in catalog.relations.items() if relation.kind == "c" and not besides}
    for kind, things in catalog.things.items():
        for thing in things if issubclass(kind, Thing) else ():
            if not _is_left_out(thing, composite, besides=besides) and (
                said := thing.properties(besides=besides)
            ):
                objects[thing.key] |= said
    if besides:
        for table, columns in catalog.parts(Column).items():
            objects[catalog.relations[table].key]["order of columns"] = ", ".join(c.name for c in columns)
    mentions = dict(_find_mentions(catalog))
    return Inventory(
        objects=dict(objects),
        uses=_find_uses(catalog, mentions),
        feeds={f.function: _relations(catalog, mentions[f.function]) for f in _of_triggers(catalog)},
        needs=_find_needs(catalog, mentions),
    )


def _of_triggers(catalog: Catalog) -> Iterator[Function]:
    return (f for f in catalog.of(Function) if f.result == "trigger" and not f.is_of_extension)


def _relations(catalog: Catalog, names: frozenset[str]) -> frozenset[str]:
    return names & {relation.name for relation in catalog.of(Relation)}


def _is_left_out(thing: Thing, composite: set[int], *, besides: bool) -> bool:
    """What is an extension's; what a constraint or type says already."""
    match thing:
        case Function():
            return thing.is_of_extension
        case Index():
            return bool(thing.constraint) and not besides
        case Relation():
            return thing.oid in composite
        case Column():
            return thing.relation_oid in composite
    return False


def read_rows(session: Session, inventory: Inventory) -> Inventory:
    """The inventory with what stands in rows and decides about access, too.

    These are the storage buckets, and the settings of the database, if any.
    """
    objects: dict[ObjectKey, dict[str, str]] = defaultdict(dict)
    for bucket, name, value in _read_of(session, "storage.buckets", _BUCKETS):
        objects[ObjectKey(kind="bucket", object="storage.buckets", name=bucket)][name] = value
    for role, name, value in _read_of(session, "pgassay.settings", _SETTINGS):
        objects[ObjectKey(kind="setting", object=role, name=name)]["value"] = value
    return replace(inventory, objects={**inventory.objects, **objects})


def _read_of(session: Session, table: str, query: LiteralString) -> list[tuple[Any, ...]]:
    """What a query says of a table; nothing where there is no such table."""
    with session.as_owner():
        there = session.connection.execute("select pg_catalog.to_regclass(%s) is not null", [table])
        return session.connection.execute(query).fetchall() if there.fetchone() == (True,) else []


def _find_uses(catalog: Catalog, mentions: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """By the server's own account, and by the names in the bodies of functions, of which it keeps none.

    Of triggers' functions only what they call.
    """
    of_triggers = {function.function for function in _of_triggers(catalog)}
    spelled = _spell_all(catalog)
    found: dict[str, set[str]] = defaultdict(set)
    for edge in catalog.of(Dependency):
        if edge.part in _ASKED and edge.user in spelled and edge.used in spelled:
            found[spelled[edge.user]].add(spelled[edge.used])
    for function, used in mentions.items():
        found[function] |= used - _relations(catalog, used) if function in of_triggers else used
    return {name: frozenset(used) for name, used in found.items()}


def _find_needs(catalog: Catalog, mentions: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """By the server's own account, and by names. What inherits, as partitions do, is one with its parents."""
    spelled = _spell_all(catalog)
    found: dict[str, set[str]] = defaultdict(set)
    for edge in catalog.of(Dependency):
        if edge.user in spelled and edge.used in spelled:
            found[spelled[edge.user]].add(spelled[edge.used])
    for function, used in mentions.items():
        found[function] |= used
    for relation in catalog.of(Relation):
        above = {parent.rpartition(".")[2] for parent in relation.inherits}
        parents = (one.name for one in catalog.of(Relation) if quoted(one.relation) in above)
        for parent in parents if above else ():
            found[relation.name].add(parent)
            found[parent].add(relation.name)
    return {name: frozenset(used - {name}) for name, used in found.items()}


def _spell_all(catalog: Catalog) -> dict[int, str]:
    spelled = {oid: relation.name for oid, relation in catalog.relations.items()}
    return spelled | {oid: function.function for oid, function in catalog.functions.items()}


def _find_mentions(catalog: Catalog) -> Iterator[tuple[str, frozenset[str]]]:
    """What the bodies of functions name, in whatever schema."""
    own = [function for function in catalog.of(Function) if not function.is_of_extension]
    named: dict[str, set[str]] = defaultdict(set)
    for relation in catalog.of(Relation):
        named[relation.relation].add(relation.name)
    for function in own:
        named[function.name].add(function.function)
    for function in own:
        words = find_literals([function.text]).words
        yield function.function, frozenset().union(*(named.get(word, ()) for word in words))
