"""Indexes and foreign keys as values, and what is wrong with them by their look alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations


@dataclass(frozen=True, kw_only=True)
class Index:
    """One index by its bare name. `keys` are columns and expressions with order, collation and operators.

    `columns` are numbers of `keys` that are plain columns, 0 for expressions; `target` says that a foreign
    key needs it, `constraint` that it carries a constraint.
    """

    schema: str
    name: str
    table: str
    method: str
    keys: tuple[str, ...]
    columns: tuple[int, ...]
    included: int
    predicate: str
    unique: bool
    target: bool
    constraint: bool

    @property
    def is_rule(self) -> bool:
        """Whether it does more than make queries fast."""
        return self.unique or self.constraint


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """One foreign key. `identified`: its first column alone is the referenced table's primary key."""

    name: str
    table: str
    columns: tuple[int, ...]
    identified: bool


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """Something wrong with an index, or the want of one."""

    name: str
    message: str


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
                yield Flaw(name=one.name, message=f"{one.name} on {one.table} repeats {other.name}")
        elif not one.unique and not one.included:
            yield Flaw(name=one.name, message=f"{one.name} on {one.table} is the beginning of {other.name}")
        elif one.unique and other.unique and not other.target:
            message = f"{other.name} on {other.table} says nothing new: {one.name} is unique already"
            yield Flaw(name=other.name, message=message)


def _dispensable(index: Index) -> tuple[bool, bool, bool, str]:
    """Of two with the same keys, the one that sorts last can go."""
    return (not index.target, not index.constraint, not index.unique, index.name)


def find_bare_keys(keys: tuple[ForeignKey, ...], indexes: tuple[Index, ...]) -> Iterator[Flaw]:
    """Foreign keys that no whole index begins with, or with a first column that is the parent's key."""
    for key in keys:
        needed = 1 if key.identified else len(key.columns)
        covering = (
            index
            for index in indexes
            if (index.table, index.predicate, index.method) == (key.table, "", "btree")
            and set(index.columns[:needed]) == set(key.columns[:needed])
        )
        if next(covering, None) is None:
            yield Flaw(name=key.name, message=f"{key.name} on {key.table} is a foreign key without an index")


def _begins(long: Index, *, with_: Index) -> bool:
    alike = (long.table, long.predicate, long.method) == (with_.table, with_.predicate, with_.method)
    return alike and long.method == "btree" and long.keys[: len(with_.keys)] == with_.keys
