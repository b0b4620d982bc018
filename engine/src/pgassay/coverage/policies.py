"""Split a policy's expressions into atoms, and put probes around each. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pglast import ast, parser
from pglast.enums import BoolExprType
from pglast.stream import RawStream

from pgassay.catalog.model import Policy
from pgassay.errors import Place
from pgassay.plpgsql.model import TRUTHS, Atom, InstrumentError, Truth

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
