"""What slows the loading of millions of rows down: taken off a schema's tables, and put back as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from pgassay.catalog.model import Constraint, Index, Relation, Trigger
from pgassay.catalog.names import quoted
from pgassay.catalog.read import read_catalog
from pgassay.errors import CannotJudgeError

_STATES = {"A": "enable always", "R": "enable replica", "D": "disable"}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One trigger, key or index, and the statements that take it away and put it back."""

    name: str
    removal: str
    restoration: str


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The triggers, foreign keys and indexes, unique constraints among them, of the owner's tables."""

    triggers: tuple[Part, ...]
    foreign_keys: tuple[Part, ...]
    indexes: tuple[Part, ...]


def read_shape(connection: psycopg.Connection[Any]) -> Shape:
    """Read what `stripped` takes away, in the order of creation, by which the planner breaks ties."""
    catalog = read_catalog(connection, Relation, Trigger, Constraint, Index)
    own = {one.oid for one in catalog.of(Relation) if (one.kind, one.owner) == ("r", catalog.user)}
    constraints = sorted(catalog.of(Constraint), key=lambda one: one.oid)
    indexes = sorted(catalog.of(Index), key=lambda one: one.oid)
    definitions = {(one.relation_oid, one.name): one.definition for one in constraints}
    return Shape(
        triggers=tuple(_of_trigger(one) for one in catalog.of(Trigger) if one.relation_oid in own),
        foreign_keys=tuple(
            _of_constraint(one.name, one, one.name, one.definition)
            for one in constraints
            if one.type == "f" and one.relation_oid in own
        ),
        indexes=tuple(
            _of_constraint(one.name, one, one.constraint, definitions[one.relation_oid, one.constraint])
            if one.constraint
            else Part(name=one.name, removal=f"drop index {one.index}", restoration=one.definition)
            for one in indexes
            if one.relation_oid in own
        ),
    )


def _of_trigger(trigger: Trigger) -> Part:
    state = _STATES.get(trigger.enabled, "enable")
    return Part(
        name=trigger.name,
        removal=f"alter table {trigger.table} disable trigger {trigger.quoted}",
        restoration=f"alter table {trigger.table} {state} trigger {trigger.quoted}",
    )


def _of_constraint(name: str, part: Constraint | Index, constraint: str, definition: str) -> Part:
    change = f"alter table {part.table}"
    return Part(
        name=name,
        removal=f"{change} drop constraint {quoted(constraint)}",
        restoration=f"{change} add constraint {quoted(constraint)} {definition}",
    )


@contextmanager
def stripped(connection: psycopg.Connection[Any], on_stage: Callable[[str], None]) -> Iterator[None]:
    """Tables with no more than their checks, inside the caller's transaction; the rest is back at the end.

    Every row is then judged by the unique indexes and foreign keys, as one. `on_stage` hears of each. Raises
    psycopg.Error where the rows break one of them, CannotJudgeError where the schema is not what it was.
    Comments on keys are lost.
    """
    before = read_shape(connection)
    for part in (*before.triggers, *before.foreign_keys, *before.indexes):
        connection.execute(part.removal.encode())
    yield
    for part in (*before.indexes, *before.foreign_keys, *before.triggers):
        on_stage(f"putting back {part.name}")
        connection.execute(part.restoration.encode())
    if read_shape(connection) != before:
        raise CannotJudgeError("Loading changed the schema.", why="A key, index or trigger is not as it was.")
