"""All that can be counted in a database, and what can not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from pgassay.catalog.model import Function, Policy, Relation, Role
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.coverage.policies import find_atoms
from pgassay.plpgsql.definitions import NO_DEFINITIONS, Definitions
from pgassay.plpgsql.model import Atom, Branch, InstrumentError, Point
from pgassay.plpgsql.rewriting import find_branches, find_points, own_functions


@dataclass(frozen=True, kw_only=True)
class CountedFunction:
    """A function, and all in it that is counted."""

    function: Function
    points: tuple[Point, ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True, kw_only=True)
class CountedPolicy:
    """A policy, and all in it that is counted."""

    policy: Policy
    atoms: tuple[Atom, ...]


@dataclass(frozen=True, kw_only=True)
class Uncounted:
    """What no probe can be put into, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class CoverageInventory:
    """What is counted in a schema. `refused` should have been; `beyond` has no statements of its own."""

    functions: tuple[CountedFunction, ...]
    policies: tuple[CountedPolicy, ...]
    refused: tuple[Uncounted, ...]
    beyond: tuple[Uncounted, ...]


def take_inventory(
    connection: psycopg.Connection[Any], *, places: Definitions = NO_DEFINITIONS
) -> CoverageInventory:
    """List the statements, branches and atoms of what the connection's role owns, or may alter."""
    catalog = read_catalog(connection, Function, Relation, Policy, Role)
    functions: list[CountedFunction] = []
    policies: list[CountedPolicy] = []
    refused: list[Uncounted] = []
    things: list[Function | Policy] = [*own_functions(catalog), *_own_policies(catalog)]
    for thing in things:
        try:
            if isinstance(thing, Function):
                functions.append(_count_function(thing, places))
            else:
                policies.append(_count_policy(thing, places))
        except InstrumentError as error:
            refused.append(Uncounted(subject=error.subject, reason=error.why))
    return CoverageInventory(
        functions=tuple(functions),
        policies=tuple(policies),
        refused=tuple(refused),
        beyond=tuple(sorted(_find_beyond(catalog), key=lambda uncounted: uncounted.subject)),
    )


def _count_function(function: Function, places: Definitions) -> CountedFunction:
    place = places.bodies.get((function.name, function.body))
    return CountedFunction(
        function=function,
        points=find_points(function, place=place),
        branches=find_branches(function, place=place),
    )


def _own_policies(catalog: Catalog) -> list[Policy]:
    """The policies on tables that who read the catalog may alter."""
    [reach] = (role.reach for role in catalog.of(Role) if role.name == catalog.user)
    own = (p for p in catalog.of(Policy) if catalog.relations[p.relation_oid].owner in reach)
    return sorted(own, key=lambda policy: (policy.table, policy.name))


def _count_policy(policy: Policy, places: Definitions) -> CountedPolicy:
    place = places.known.get(policy.key)
    return CountedPolicy(policy=policy, atoms=find_atoms(policy, place=place))


def _find_beyond(catalog: Catalog) -> Iterator[Uncounted]:
    for function in catalog.of(Function):
        if function.language != "plpgsql" and function.owner == catalog.user:
            yield Uncounted(subject=function.function, reason=f"is in {function.language}, not in plpgsql")
    for view in catalog.of(Relation):
        if view.kind in ("v", "m") and view.owner == catalog.user:
            yield Uncounted(subject=view.name, reason="is a view")
