"""All that can be counted in a database, and what can not; probes around the atoms of policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from pglast import ast, parser
from pglast.enums import BoolExprType
from pglast.stream import RawStream

from pgassay.catalog.model import Function, Policy, Relation, Role
from pgassay.catalog.read import Catalog, read_catalog
from pgassay.errors import Place
from pgassay.plpgsql.definitions import NO_DEFINITIONS, Definitions
from pgassay.plpgsql.model import TRUTHS, Atom, Branch, InstrumentError, Point, Truth
from pgassay.plpgsql.rewriting import find_branches, find_points, own_functions

AtomProbe = Callable[[Atom, Truth], str]

_JOINED: dict[Any, str] = {BoolExprType.AND_EXPR: " and ", BoolExprType.OR_EXPR: " or "}


def find_atoms(policy: Policy, *, place: Place | None = None) -> tuple[Atom, ...]:
    """What AND, OR and NOT join in a policy's expressions; a subquery is one atom, a constant is none.

    Raises InstrumentError for an expression that does not read back as it was written.
    """
    return tuple(_PolicyRewriting(policy, _nothing, place).atoms)


def rewrite_policy(policy: Policy, probe: AtomProbe) -> str:
    """The `alter policy` after which each atom evaluates the probe of what it turned out to be.

    A probe is a boolean SQL expression. Raises InstrumentError as `find_atoms` does.
    """
    return f"alter policy {policy.quoted} on {policy.table}{_PolicyRewriting(policy, probe).text}"


def _nothing(_: Atom, __: Truth) -> str:
    return "null"


class _PolicyRewriting:
    """One walk through a policy's expressions in the order of their text."""

    def __init__(self, policy: Policy, probe: AtomProbe, place: Place | None = None) -> None:
        self._title = f'"{policy.name}" on {policy.table}'
        self._place = place
        self._probe = probe
        self.atoms: list[Atom] = []
        self.text = "".join(
            f" {clause} ({self._render(clause, self._parse(text))})" for clause, text in policy.clauses
        )

    def _render(self, clause: str, node: Any) -> str:  # noqa: ANN401 - pglast has no types
        if isinstance(node, ast.BoolExpr):
            parts = [f"({self._render(clause, arg)})" for arg in node.args or ()]
            joined = _JOINED.get(node.boolop)
            return joined.join(parts) if joined else f"not {parts[0]}"
        text: str = RawStream()(node)
        return text if isinstance(node, ast.A_Const) else self._wrap(clause, text)

    def _wrap(self, clause: str, text: str) -> str:
        k = len(self.atoms) + 1
        atom = Atom(policy=self._title, clause=clause, k=k, text=text, place=self._place)
        self.atoms.append(atom)
        true, false, null = (self._probe(atom, truth) for truth in TRUTHS)
        # The planner would drop a probe that is joined to a constant by OR; equal arms of a CASE it keeps.
        return (
            f"case ({text}) when true then case when {true} then true else true end"
            f" when false then case when {false} then false else false end"
            f" else case when {null} then null::boolean end end"
        )

    def _parse(self, text: str) -> Any:  # noqa: ANN401 - pglast has no types
        """The expression's tree. What is printed from it must read as the same tree: nothing is guessed."""
        try:
            parsed: Any = parser.parse_sql(f"select {text}")
            if parser.parse_sql(RawStream()(parsed)) == parsed:
                return parsed[0].stmt.targetList[0].val
        except parser.ParseError:
            pass
        raise InstrumentError(self._title, why=f"pglast does not print what it reads in: {text}")


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
