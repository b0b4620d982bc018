"""Parts of a condition that the clock, chance or an unknown text decides, whoever asks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast, parser
from pglast.enums import BoolExprType, SQLValueFunctionOp, SubLinkType
from pglast.visitors import Visitor

from pgassay.solver.model import Reason
from pgassay.solver.obstacles import CHANCE, CLOCK, HASHES
from pgassay.solver.scope import Node, names_of, parse_expression, write

_EQUAL = ("=", "~~", "~~*")
_REQUEST = ("current_setting", "jwt", "email", "uid")
_LATER, _EARLIER = (">", ">="), ("<", "<=")
_MOMENTS = (
    SQLValueFunctionOp.SVFOP_CURRENT_DATE,
    SQLValueFunctionOp.SVFOP_CURRENT_TIMESTAMP,
    SQLValueFunctionOp.SVFOP_LOCALTIMESTAMP,
)


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A part that is true at some times only, or for who knows what was hashed.

    `moment` is SQL for the date from or until which it is.
    """

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
    node = _unwrap(node)
    if isinstance(node, ast.BoolExpr):
        inner = lets is not (node.boolop == BoolExprType.NOT_EXPR)
        parts = tuple(_opened(part, reason, known, found, lets=inner) for part in node.args or ())
        return ast.BoolExpr(boolop=node.boolop, args=parts)
    if isinstance(node, ast.SubLink) and node.subLinkType == SubLinkType.EXISTS_SUBLINK and lets:
        return _opened_inside(node, reason, known, found)
    is_met = _is_hidden(node) if reason is Reason.HASH else _is_volatile(node, reason)
    if not is_met or write(node) in known:
        return node
    found.append(_describe(node, reason))
    return parse_expression("true" if lets else "false")


def _opened_inside(node: Node, reason: Reason, known: set[str], found: list[Opening]) -> Node:
    """EXISTS of rows that are looked for otherwise."""
    select = node.subselect
    if not isinstance(select, ast.SelectStmt) or select.whereClause is None:
        return node
    where = _opened(select.whereClause, reason, known, found, lets=True)
    changed = {name: getattr(select, name) for name in select} | {"whereClause": where}
    return ast.SubLink(subLinkType=SubLinkType.EXISTS_SUBLINK, subselect=ast.SelectStmt(**changed))


def _is_volatile(node: Node, reason: Reason) -> bool:
    look = _Look()
    look(node)
    return look.reason is reason and not look.columns


def _is_hidden(node: Node) -> bool:
    """Whether a hash shall be what is written: who wrote it knows of what."""
    if not isinstance(node, ast.A_Expr) or names_of(node.name or ())[1] not in _EQUAL:
        return False
    sides = [_read(side) for side in (node.lexpr, node.rexpr)]
    return any(
        one.hashes and one.reads and not other.reads and not other.hashes
        for one, other in (sides, reversed(sides))
    )


def _read(node: Any) -> _Look:  # noqa: ANN401 - a list, after IN
    look = _Look()
    for part in node if isinstance(node, tuple) else (node,):
        look(part)
    return look


def _unwrap(node: Node) -> Node:
    """What a subquery without FROM selects, which is there so that it is asked once."""
    match node:
        case ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=ast.SelectStmt() as select):
            is_plain = not (select.fromClause or select.whereClause or select.op)
            targets = select.targetList or ()
            return _unwrap(targets[0].val) if is_plain and len(targets) == 1 else node
    return node


def _leaves(node: Node) -> Iterator[Node]:
    node = _unwrap(node)
    if isinstance(node, ast.BoolExpr):
        for part in node.args or ():
            yield from _leaves(part)
    else:
        yield node


class _Look(Visitor):
    """What a part reads: columns, the clock, chance; and whether it hashes, or reads anything at all."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = self.hashes = self.reads = False
        self.reason: Reason | None = None

    def visit_ColumnRef(self, *_: Any) -> None:  # noqa: ANN401, N802
        self.columns = self.reads = True

    def visit_ParamRef(self, *_: Any) -> None:  # noqa: ANN401, N802
        self.reads = True

    def visit_SubLink(self, *_: Any) -> None:  # noqa: ANN401, N802
        self.reads = True

    def visit_FuncCall(self, _: Any, node: Node) -> None:  # noqa: ANN401, N802
        name = names_of(node.funcname)[1]
        self.hashes |= name in HASHES
        self.reads |= name in _REQUEST
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
