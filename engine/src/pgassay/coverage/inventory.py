"""All that can be counted in a database, and what can not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

import psycopg

from pgassay.coverage.policies import find_atoms
from pgassay.plpgsql.catalog import read, read_functions, read_policies
from pgassay.plpgsql.model import Atom, Branch, Function, InstrumentError, Point, Policy
from pgassay.plpgsql.rewriting import find_branches, find_points
from pgassay.plpgsql.sources import NO_SOURCES, Sources

T = TypeVar("T")
U = TypeVar("U")

_BEYOND: LiteralString = """
    select p.oid::pg_catalog.regprocedure::text, 'is in ' || l.lanname || ', not in plpgsql'
    from pg_catalog.pg_proc as p
    inner join pg_catalog.pg_language as l on p.prolang = l.oid
    where l.lanname <> 'plpgsql' and pg_catalog.pg_get_userbyid(p.proowner) = current_user
    union all
    select c.oid::pg_catalog.regclass::text, 'is a view'
    from pg_catalog.pg_class as c
    where c.relkind in ('v', 'm') and pg_catalog.pg_get_userbyid(c.relowner) = current_user
    order by 1
"""


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
    functions = read_functions(connection, sources=sources)
    policies = read_policies(connection, sources=sources)
    return Inventory(
        functions=tuple(_plan(functions, _plan_function, refused)),
        policies=tuple(_plan(policies, _plan_policy, refused)),
        refused=tuple(refused),
        beyond=tuple(Uncounted(subject=name, reason=why) for name, why in read(connection, _BEYOND)),
    )


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
