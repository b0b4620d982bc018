"""Parts of a condition that the clock or chance decides, whoever asks and whatever rows there are. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast, parser
from pglast.enums import BoolExprType, SQLValueFunctionOp
from pglast.visitors import Visitor

from pgassay.solver.model import Reason
from pgassay.solver.obstacles import CHANCE, CLOCK
from pgassay.solver.scope import Node, names_of, parse_expression, write

_LATER, _EARLIER = (">", ">="), ("<", "<=")
_MOMENTS = (
    SQLValueFunctionOp.SVFOP_CURRENT_DATE,
    SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP,
    SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP,
)


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A part that is true at some times only; `moment` is SQL for the date from or until which it is."""

    text: str
    reason: Reason
    moment: str = ""
    word: str = ""


def open_all(text: str, reason: Reason, besides: str = "") -> tuple[str, tuple[Opening, ...]]:
    """The condition with its parts of one reason as if they let everything through, and these parts.

    Not those that the condition `besides` has too.
    """
    found: list[Opening] = []
    try:
        known = {write(leaf) for leaf in _leaves(parse_expression(besides or "true"))}
        node = _opened(parse_expression(text), reason, known, found, lets=True)
    except parser.ParseError:  # it knows the grammar of one version
        return text, ()
    return (write(node), tuple(found)) if found else (text, ())


def _opened(node: Node, reason: Reason, known: set[str], found: list[Opening], *, lets: bool) -> Node:
    if isinstance(node, ast.BoolExpr):
        inner = lets is not (node.boolop == BoolExprType.NOT_EXPR)
        parts = tuple(_opened(part, reason, known, found, lets=inner) for part in node.args or ())
        return ast.BoolExpr(boolop=node.boolop, args=parts)
    look = _Look()
    look(node)
    if look.columns or look.reason is not reason or write(node) in known:
        return node
    found.append(_describe(node, reason))
    return parse_expression("true" if lets else "false")


def _leaves(node: Node) -> Iterator[Node]:
    if isinstance(node, ast.BoolExpr):
        for part in node.args or ():
            yield from _leaves(part)
    else:
        yield node


class _Look(Visitor):
    """What a part reads: columns, the clock, chance."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = False
        self.reason: Reason | None = None

    def visit_ColumnRef(self, *_: Any) -> None:  # noqa: ANN401, N802
        self.columns = True

    def visit_FuncCall(self, _: Any, node: Node) -> None:  # noqa: ANN401, N802
        name = names_of(node.funcname)[1]
        if name in CLOCK or name in CHANCE:
            self.reason = Reason.CLOCK if name in CLOCK else Reason.CHANCE

    def visit_SQLValueFunction(self, _: Any, node: Node) -> None:  # noqa: ANN401, N802
        if node.op in _MOMENTS:
            self.reason = Reason.CLOCK


def _describe(node: Node, reason: Reason) -> Opening:
    if isinstance(node, ast.A_Expr) and reason is Reason.CLOCK:
        sign = names_of(node.name or ())[1]
        sides = [(node.lexpr, node.rexpr, sign in _LATER), (node.rexpr, node.lexpr, sign in _EARLIER)]
        for side, other, later in sides if sign in (*_LATER, *_EARLIER) else ():
            if _reads_clock(side) and not _reads_clock(other):
                word = "from {} on" if later else "until {}"
                return Opening(text=write(node), reason=reason, moment=write(other), word=word)
    return Opening(text=write(node), reason=reason)


def _reads_clock(node: Node) -> bool:
    look = _Look()
    look(node)
    return look.reason is Reason.CLOCK
