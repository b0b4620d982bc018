"""All that can be counted in a database, and what can not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from pgassay.catalog import model
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.coverage.policies import find_atoms
from pgassay.plpgsql.catalog import find_functions, find_policies
from pgassay.plpgsql.model import Atom, Branch, Function, InstrumentError, Point, Policy
from pgassay.plpgsql.rewriting import find_branches, find_points
from pgassay.plpgsql.sources import NO_SOURCES, Sources

T = TypeVar("T")
U = TypeVar("U")

_KINDS = (model.Function, model.Relation, model.Policy, model.Role)


@dataclass(frozen=True, kw_only=True)
class FunctionPlan:
    """A function, and all in it that is counted."""

    function: Function
    points: tuple[Point, ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True, kw_only=True)
class PolicyPlan:
    """A policy, and all in it that is counted."""

    policy: Policy
    atoms: tuple[Atom, ...]


@dataclass(frozen=True, kw_only=True)
class Uncounted:
    """What no probe can be put into, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What is counted in a schema. `refused` should have been; `beyond` has no statements of its own."""

    functions: tuple[FunctionPlan, ...]
    policies: tuple[PolicyPlan, ...]
    refused: tuple[Uncounted, ...]
    beyond: tuple[Uncounted, ...]


def take_inventory(connection: psycopg.Connection[Any], *, sources: Sources = NO_SOURCES) -> Inventory:
    """List the statements, branches and atoms of what the connection's role owns."""
    refused: list[Uncounted] = []
    catalog = read_catalog(connection, *_KINDS)
    functions = find_functions(catalog, sources=sources)
    policies = find_policies(catalog, sources=sources)
    return Inventory(
        functions=tuple(_plan(functions, _plan_function, refused)),
        policies=tuple(_plan(policies, _plan_policy, refused)),
        refused=tuple(refused),
        beyond=tuple(sorted(_find_beyond(catalog), key=lambda uncounted: uncounted.subject)),
    )


def _find_beyond(catalog: Catalog) -> Iterator[Uncounted]:
    for function in catalog.of(model.Function):
        if function.language != "plpgsql" and function.owner == catalog.user:
            yield Uncounted(subject=function.function, reason=f"is in {function.language}, not in plpgsql")
    for view in catalog.of(model.Relation):
        if view.kind in ("v", "m") and view.owner == catalog.user:
            yield Uncounted(subject=view.name, reason="is a view")


def _plan_function(function: Function) -> FunctionPlan:
    return FunctionPlan(function=function, points=find_points(function), branches=find_branches(function))


def _plan_policy(policy: Policy) -> PolicyPlan:
    return PolicyPlan(policy=policy, atoms=find_atoms(policy))


def _plan(subjects: Iterable[T], plan: Callable[[T], U], refused: list[Uncounted]) -> Iterable[U]:
    for subject in subjects:
        try:
            yield plan(subject)
        except InstrumentError as error:
            refused.append(Uncounted(subject=error.subject, reason=error.why))
