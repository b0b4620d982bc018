"""AND, OR and NOT; comparisons; tests for null: what their parts must be for the whole to be as wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, BoolTestType, NullTestType, SubLinkType

from pgassay.solver import arrays, comparison
from pgassay.solver.model import Truth
from pgassay.solver.scope import Node, Term

if TYPE_CHECKING:
    from pgassay.solver.search import Search, States
    from pgassay.solver.state import State

_VALUES = ("+", "-", "*", "/", "%", "||", "->", "->>", "#>", "#>>", "^", "#-")


def is_condition(node: Node) -> bool:
    """Whether a node is a boolean whatever its operands are."""
    match node:
        case ast.BoolExpr() | ast.NullTest() | ast.BooleanTest():
            return True
        case ast.SubLink():
            return node.subLinkType not in (SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK)
        case ast.A_Expr():
            return node.kind != A_Expr_Kind.AEXPR_NULLIF and node.name[-1].sval not in _VALUES
    return False


# AND, OR, NOT


def join(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """A BoolExpr."""
    parts = [term.at(node) for node in term.node.args]
    match term.node.boolop:
        case BoolExprType.NOT_EXPR:
            return search.make(parts[0], wanted.negated, state)
        case BoolExprType.AND_EXPR:
            return _both(search, parts, wanted, state, Truth.TRUE)
    return _both(search, parts, wanted, state, Truth.FALSE)


def _both(search: Search, parts: Sequence[Term], wanted: Truth, state: State, neutral: Truth) -> States:
    """AND with TRUE as neutral, OR with FALSE: the same law with truth and falsehood exchanged."""
    decisive = neutral.negated
    if decisive not in wanted:
        if Truth.NULL in wanted and neutral not in wanted:
            yield from _one(search, parts, Truth.NULL, neutral | Truth.NULL, state)
        else:
            yield from every(search, parts, wanted, state)
        return
    yield from _one(search, parts, wanted & (decisive | Truth.NULL), neutral, state)
    yield from _one(search, parts, wanted & (decisive | Truth.NULL), Truth.ANY, state)
    if neutral in wanted:
        yield from every(search, parts, neutral, state)


def _one(search: Search, parts: Sequence[Term], wanted: Truth, besides: Truth, state: State) -> States:
    """One of the parts is as wanted, and the others are what they shall be besides."""
    for number, part in enumerate(parts):
        others = [*parts[:number], *parts[number + 1 :]]
        for following in every(search, others, besides, state) if besides != Truth.ANY else (state,):
            yield from search.make(part, wanted, following)


def every(search: Search, parts: Sequence[Term], wanted: Truth, state: State) -> States:
    """All the parts are as wanted; those first that leave the least choice."""
    ordered = sorted(parts, key=lambda part: _choice(part.node, wanted))
    return _chain(search, ordered, wanted, state)


def _chain(search: Search, parts: Sequence[Term], wanted: Truth, state: State) -> States:
    if not parts:
        yield state
        return
    for following in search.make(parts[0], wanted, state):
        yield from _chain(search, parts[1:], wanted, following)


_CHOICES = {"=": 0, "~~": 2, "~~*": 2, "~": 2, "~*": 2, "@>": 2, "<": 4, ">": 4, "<=": 4, ">=": 4, "<>": 6}


def _choice(node: Node, wanted: Truth) -> int:
    """How much choice a part leaves, so that what is fixed is decided first."""
    match node:
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP):
            return _CHOICES.get(node.name[-1].sval, 3) if Truth.TRUE in wanted else 6
        case ast.A_Expr():
            return 1
        case ast.SubLink() | ast.FuncCall():
            return 5
        case ast.NullTest():
            return 0 if node.nulltesttype == NullTestType.IS_NULL else 7
        case ast.BoolExpr():
            return 8 if node.boolop == BoolExprType.NOT_EXPR else 5
    return 3


# Comparisons


def compare_node(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """An A_Expr that is a comparison of some kind."""
    node, name = term.node, term.node.name[-1].sval
    left = term.at(node.lexpr)
    match node.kind:
        case A_Expr_Kind.AEXPR_IN:
            return _listed(search, left, name, [term.at(one) for one in node.rexpr], wanted, state)
        case A_Expr_Kind.AEXPR_OP_ANY | A_Expr_Kind.AEXPR_OP_ALL:
            every_ = node.kind == A_Expr_Kind.AEXPR_OP_ALL
            return arrays.compare_elements(
                search, left, name, term.at(node.rexpr), wanted, state, every=every_
            )
        case A_Expr_Kind.AEXPR_DISTINCT | A_Expr_Kind.AEXPR_NOT_DISTINCT:
            same = node.kind == A_Expr_Kind.AEXPR_NOT_DISTINCT
            return _distinct(search, left, term.at(node.rexpr), wanted if same else wanted.negated, state)
        case A_Expr_Kind.AEXPR_BETWEEN | A_Expr_Kind.AEXPR_NOT_BETWEEN:
            low, high = node.rexpr
            both = junction(
                BoolExprType.AND_EXPR, _operation(">=", node.lexpr, low), _operation("<=", node.lexpr, high)
            )
            want = wanted if node.kind == A_Expr_Kind.AEXPR_BETWEEN else wanted.negated
            return search.make(term.at(both), want, state)
    if name in _VALUES or node.lexpr is None:
        return search.push(term, "true", state) if wanted & Truth.TRUE else search.push(term, "false", state)
    return compare(search, left, name, term.at(node.rexpr), wanted, state)


def _operation(name: str, left: Node, right: Node) -> Node:
    return ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(ast.String(name),), lexpr=left, rexpr=right)


def junction(operator: BoolExprType, *parts: Node) -> Node:
    """Conditions joined."""
    return parts[0] if len(parts) == 1 else ast.BoolExpr(boolop=operator, args=parts)


def compare(search: Search, left: Term, name: str, right: Term, wanted: Truth, state: State) -> States:
    """`left name right`: one side is what it is, and the other is made to fit."""
    if isinstance(left.node, ast.RowExpr) and isinstance(right.node, ast.RowExpr):
        yield from _compare_rows(search, left, name, right, wanted, state)
        return
    backwards = comparison.COMMUTED.get(name)
    sides = [(left, name, right), *([(right, backwards, left)] if backwards else [])]
    if backwards and search.read(left, state).is_ground and not search.read(right, state).is_ground:
        sides.reverse()
    for one, operator, other in sides:
        for following, answer in search.pick(other, state):
            if answer.value is None:
                if Truth.NULL in wanted:
                    yield following
                continue
            for target in comparison.targets(operator, search.side(answer), wanted):
                yield from search.push(one, target, following)
    if not comparison.is_known(name):
        search.name_obstacle(f"operator {name}")


def _compare_rows(search: Search, left: Term, name: str, right: Term, wanted: Truth, state: State) -> States:
    pairs = zip(left.node.args, right.node.args, strict=False)
    if name != "=" or left.scope is not right.scope:
        return
    both = junction(BoolExprType.AND_EXPR, *(_operation("=", one, other) for one, other in pairs))
    yield from search.make(left.at(both), wanted, state)


def _listed(
    search: Search, left: Term, name: str, items: Sequence[Term], wanted: Truth, state: State
) -> States:
    """IN a list, and NOT IN, whose name is <>."""
    operator = BoolExprType.OR_EXPR if name == "=" else BoolExprType.AND_EXPR
    joined = junction(operator, *(_operation(name, left.node, item.node) for item in items))
    return search.make(left.at(joined), wanted, state)


def _distinct(search: Search, left: Term, right: Term, wanted: Truth, state: State) -> States:
    """IS NOT DISTINCT FROM: never null."""
    for one, other in ((left, right), (right, left)):
        for following, answer in search.pick(other, state):
            if Truth.TRUE in wanted:
                yield from search.push(one, answer.value, following)
            if Truth.FALSE in wanted:
                for target in [] if answer.value is None else comparison.equal(search.side(answer), False):  # noqa: FBT003
                    yield from search.push(one, target, following)
                yield from (
                    search.push(one, None, following)
                    if answer.value is not None
                    else not_null(search, one, following)
                )


# Null, truth, CASE


def null_test(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """IS NULL, IS NOT NULL."""
    inner = term.at(term.node.arg)
    null = term.node.nulltesttype == NullTestType.IS_NULL
    if (Truth.TRUE if null else Truth.FALSE) in wanted:
        yield from search.push(inner, None, state)
    if (Truth.FALSE if null else Truth.TRUE) in wanted:
        yield from not_null(search, inner, state)


def not_null(search: Search, term: Term, state: State) -> States:
    """States in which a term has some value."""
    for following, answer in search.pick(term, state):
        if answer.value is not None:
            yield following


_TESTS = {
    BoolTestType.IS_TRUE: (Truth.TRUE, Truth.NOT_TRUE),
    BoolTestType.IS_NOT_TRUE: (Truth.NOT_TRUE, Truth.TRUE),
    BoolTestType.IS_FALSE: (Truth.FALSE, Truth.NOT_FALSE),
    BoolTestType.IS_NOT_FALSE: (Truth.NOT_FALSE, Truth.FALSE),
    BoolTestType.IS_UNKNOWN: (Truth.NULL, Truth.TRUE | Truth.FALSE),
    BoolTestType.IS_NOT_UNKNOWN: (Truth.TRUE | Truth.FALSE, Truth.NULL),
}


def boolean_test(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """IS TRUE and its like."""
    for truth, inner in zip((Truth.TRUE, Truth.FALSE), _TESTS[term.node.booltesttype], strict=True):
        if truth in wanted:
            yield from search.make(term.at(term.node.arg), inner, state)


def coalesce(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """COALESCE of conditions: the first, or the next where it is null."""
    first, *rest = term.node.args
    if not rest:
        yield from search.make(term.at(first), wanted, state)
        return
    if known := wanted & (Truth.TRUE | Truth.FALSE):
        yield from search.make(term.at(first), known, state)
    for following in search.make(term.at(first), Truth.NULL, state):
        yield from search.make(term.at(ast.CoalesceExpr(args=tuple(rest))), wanted, following)


def arms(search: Search, term: Term, state: State) -> Iterator[tuple[Term, State]]:
    """The results of a CASE, each with what leads there."""
    node = term.node
    before = [state]
    for when in node.args:
        test = _operation("=", node.arg, when.expr) if node.arg is not None else when.expr
        for following in before:
            for reached in search.make(term.at(test), Truth.TRUE, following):
                yield term.at(when.result), reached
        before = [
            passed for one in before for passed in _first(search.make(term.at(test), Truth.NOT_TRUE, one))
        ]
    for following in before:
        yield term.at(node.defresult or ast.A_Const(isnull=True)), following


def _first(states: States) -> list[State]:
    return [state for state, _ in zip(states, range(2), strict=False)]


def case(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """CASE of conditions."""
    for result, following in arms(search, term, state):
        yield from search.make(result, wanted, following)
