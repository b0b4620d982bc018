"""Indexes and foreign keys as values, and what is wrong with them by their look alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

from pgassay.catalog.model import Constraint, Index, Part
from pgassay.catalog.read import Catalog

P = TypeVar("P", bound=Part)


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """Something wrong with an index, or the want of one."""

    name: str
    message: str


def list_indexes(catalog: Catalog) -> tuple[Index, ...]:
    """The indexes on tables of who read the catalog, by table and name."""
    return _sorted(index for index in catalog.of(Index) if _is_own(catalog, index))


def list_foreign_keys(catalog: Catalog) -> tuple[Constraint, ...]:
    """The foreign keys of tables of who read the catalog, by table and name."""
    return _sorted(key for key in catalog.of(Constraint) if key.type == "f" and _is_own(catalog, key))


def _sorted(parts: Iterable[P]) -> tuple[P, ...]:
    return tuple(sorted(parts, key=lambda part: (part.relation, part.name)))


def _is_own(catalog: Catalog, part: Part) -> bool:
    table = catalog.relations.get(part.relation_oid)
    return table is not None and (table.kind, table.owner) == ("r", catalog.user)


def find_repeats(indexes: tuple[Index, ...]) -> Iterator[Flaw]:
    """Indexes that another one makes superfluous: the same keys, or the beginning of its keys.

    A unique index is a rule of its own, but says nothing new where fewer of its keys are already unique;
    unless a foreign key needs it as its target.
    """
    for one, other in permutations(indexes, 2):
        if not _begins(other, with_=one):
            continue
        if one.keys == other.keys:
            if _dispensable(one) > _dispensable(other) and not one.included:
                yield Flaw(name=one.name, message=f"{one.name} on {one.relation} repeats {other.name}")
        elif not one.unique and not one.included:
            yield Flaw(
                name=one.name, message=f"{one.name} on {one.relation} is the beginning of {other.name}"
            )
        elif one.unique and other.unique and not other.target:
            message = f"{other.name} on {other.relation} says nothing new: {one.name} is unique already"
            yield Flaw(name=other.name, message=message)


def _dispensable(index: Index) -> tuple[bool, bool, bool, str]:
    """Of two with the same keys, the one that sorts last can go."""
    return (not index.target, not index.constraint, not index.unique, index.name)


def find_bare_keys(keys: tuple[Constraint, ...], indexes: tuple[Index, ...]) -> Iterator[Flaw]:
    """Foreign keys that no whole index begins with, or with a first column that is the parent's key."""
    for key in keys:
        # By its first column alone, where that is the referenced table's primary key.
        parents = (index for index in indexes if index.relation_oid == key.target_oid and index.primary)
        identified = any(index.columns == key.target_columns[:1] for index in parents)
        needed = 1 if identified else len(key.columns)
        covering = (
            index
            for index in indexes
            if (index.table, index.predicate, index.method) == (key.table, "", "btree")
            and set(index.numbers[:needed]) == set(key.numbers[:needed])
        )
        if next(covering, None) is None:
            yield Flaw(
                name=key.name, message=f"{key.name} on {key.relation} is a foreign key without an index"
            )


def _begins(long: Index, *, with_: Index) -> bool:
    alike = (long.table, long.predicate, long.method) == (with_.table, with_.predicate, with_.method)
    return alike and long.method == "btree" and long.keys[: len(with_.keys)] == with_.keys
