"""How a policy is spelled in the files: the server's own text has all parentheses, and says nothing of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import ast, parser
from pglast.enums import BoolExprType
from pglast.stream import RawStream
from pglast.visitors import Visitor

from pgassay.catalog.model import Policy
from pgassay.database import Script
from pgassay.plpgsql.definitions import Definitions

_OPEN, _CLOSED, _END = "ASCII_40", "ASCII_41", "ASCII_59"


def is_mixed(scripts: Sequence[Script], definitions: Definitions, policy: Policy) -> bool:
    """Whether the statement that made it joins conditions with AND and OR, and no parentheses between."""
    place = definitions.known.get(policy.key)
    script = next((one for one in scripts if place and one.path == place.file), None)
    if place is None or script is None:
        return False
    rest = "\n".join(script.text.split("\n")[place.line - 1 :])[place.column - 1 :]
    return _mixes(_statement(rest))


def _statement(text: str) -> list[str]:
    """The tokens of the first statement."""
    try:
        tokens = [token.name for token in parser.scan(text)]
    except parser.ParseError:
        return []
    return tokens[: tokens.index(_END)] if _END in tokens else tokens


def _mixes(tokens: Sequence[str]) -> bool:
    """Whether both words stand between the same parentheses; BETWEEN has an AND of its own."""
    levels: list[set[str]] = [set()]
    for token in tokens:
        if token == _OPEN:
            levels.append(set())
        elif token == _CLOSED and len(levels) > 1:
            levels.pop()
        elif token == "AND" and "BETWEEN" in levels[-1]:  # noqa: S105 - a word of SQL
            levels[-1].discard("BETWEEN")
        elif token in ("AND", "OR", "BETWEEN"):
            levels[-1].add(token)
        if levels[-1] >= {"AND", "OR"}:
            return True
    return False


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a clause could be meant: `a and b or c` as `a and (b or c)`; `alone`: with what OR lets through.

    `arm`: what AND joins in front of it. `within`: it is the condition of a subquery that reads otherwise.
    """

    narrow: str
    alone: str
    arm: str
    within: bool


def otherwise_grouped(clause: str) -> list[Reading]:
    """By each arm of an OR in which AND joins."""
    places = _Disjunctions()
    places(_expression(clause))
    return [
        Reading(
            narrow=_with(clause, number, narrow),
            alone=_with(clause, number, alone),
            arm=_with(clause, number, arm),
            within=within,
        )
        for number, (node, within) in enumerate(places.found)
        for narrow, alone, arm in _readings(node)
    ]


class _Disjunctions(Visitor):
    """Collects what OR joins, the outermost first; with `instead` the one of this `number` is replaced."""

    def __init__(self, number: int = -1, instead: Any = None) -> None:  # noqa: ANN401
        self.found: list[tuple[Any, bool]] = []
        self._number, self._instead = number, instead

    def visit_BoolExpr(self, ancestors: Any, node: Any) -> Any:  # noqa: ANN401, N802
        if _joins(node, BoolExprType.OR_EXPR):
            self.found.append((node, ancestors.find_nearest(ast.SubLink) is not None))
            if len(self.found) - 1 == self._number:
                return self._instead
        return None


def _readings(node: Any) -> Iterator[tuple[Any, Any, Any]]:  # noqa: ANN401
    """Of one OR, by each arm in which AND joins: how it could be meant, the arms beside it, the arm."""
    for place, group in enumerate(node.args):
        if _joins(group, BoolExprType.AND_EXPR):
            before, after = node.args[:place], node.args[place + 1 :]
            first, *middle, last = group.args
            parts = (_any([*before, first]), *middle, _any([last, *after]))
            yield ast.BoolExpr(boolop=BoolExprType.AND_EXPR, args=parts), _any([*before, *after]), group


def _with(clause: str, number: int, instead: Any) -> str:  # noqa: ANN401
    select: Any = parser.parse_sql(f"select {clause}")[0].stmt
    _Disjunctions(number, instead)(select.targetList[0])
    return str(RawStream()(select.targetList[0].val))


def _any(nodes: Sequence[Any]) -> Any:  # noqa: ANN401
    return nodes[0] if len(nodes) == 1 else ast.BoolExpr(boolop=BoolExprType.OR_EXPR, args=tuple(nodes))


def conjuncts(clause: str) -> list[str]:
    """What AND joins; the clause itself where it does not."""
    node = _expression(clause)
    return [str(RawStream()(one)) for one in node.args] if _joins(node, BoolExprType.AND_EXPR) else [clause]


def _expression(clause: str) -> Any:  # noqa: ANN401 - pglast's trees are untyped
    select: Any = parser.parse_sql(f"select {clause}")[0].stmt
    return select.targetList[0].val


def _joins(node: Any, how: BoolExprType) -> bool:  # noqa: ANN401
    return isinstance(node, ast.BoolExpr) and node.boolop == how
