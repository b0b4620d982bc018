"""AND, OR and NOT; comparisons; tests for null: what their parts must be for the whole to be as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, BoolTestType, NullTestType, SubLinkType

from pgassay.solver import arrays, comparison
from pgassay.solver.model import Slot, Truth
from pgassay.solver.scope import Node, Term, constant, names_of

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
        case ast.A_Expr(name=(*_, name)):
            return node.kind != A_Expr_Kind.AEXPR_NULLIF and name.sval not in _VALUES
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
    if decisive in wanted:
        yield from _any(search, parts, wanted & (decisive | Truth.NULL), state)
    if decisive not in wanted and neutral not in wanted:
        yield from _null(search, parts, neutral, state)
    elif neutral in wanted:
        yield from every(search, parts, wanted & (neutral | Truth.NULL), state)


def _any(search: Search, parts: Sequence[Term], wanted: Truth, state: State) -> States:
    """One of the parts is as wanted; first what leaves the least choice."""
    for part in sorted(parts, key=lambda one: _choice(one, wanted)):
        yield from search.make(part, wanted, state)


def _null(search: Search, parts: Sequence[Term], neutral: Truth, state: State) -> States:
    """One of the parts is null, and the others do not decide."""
    for number, part in enumerate(parts):
        others = [*parts[:number], *parts[number + 1 :]]
        for following in search.make(part, Truth.NULL, state):
            yield from every(search, others, neutral | Truth.NULL, following)


def every(search: Search, parts: Iterable[Term], wanted: Truth, state: State) -> States:
    """All the parts are as wanted."""
    return each(search, [(part, wanted) for part in parts], state)


Part = tuple[Term, Truth]


def each(search: Search, parts: Sequence[Part], state: State) -> States:
    """Each part is as it shall be. Parts that have no slot in common are solved by themselves."""
    return _groups(search, _grouped(search, parts, state), state)


def _groups(search: Search, groups: Sequence[Sequence[Part]], state: State) -> States:
    if not groups:
        yield state
        return
    for following in _chain(search, groups[0], state):
        solved = False
        for last in _groups(search, groups[1:], following):
            solved = True
            yield last
        if not solved:  # nor would it be with other values of what it does not read
            return


def _grouped(search: Search, parts: Sequence[Part], state: State) -> list[list[Part]]:
    """The parts that are connected by slots that are not decided."""
    groups: list[tuple[set[Slot], list[Part]]] = []
    for part in parts:
        slots = {slot for slot in search.slots(part[0]) if not state.known(slot)}
        joined = [group for group in groups if not group[0].isdisjoint(slots)]
        groups = [group for group in groups if group not in joined]
        together = [one for group in joined for one in group[1]]
        groups.append((slots.union(*(group[0] for group in joined)), [*together, part]))
    return [group for _, group in groups]


def _chain(search: Search, parts: Sequence[Part], state: State) -> States:
    """Of parts that depend on each other, first what is decided, then what leaves the least choice."""
    if not parts:
        yield state
        return
    part = min(parts, key=lambda one: (not _is_decided(search, one[0], state), _choice(*one)))
    rest = [one for one in parts if one is not part]
    for following in search.make(*part, state):
        yield from _chain(search, rest, following)


def _is_decided(search: Search, part: Term, state: State) -> bool:
    return all(state.known(slot) for slot in search.slots(part))


_CHOICES = {"=": 0, "~~": 2, "~~*": 2, "~": 2, "~*": 2, "@>": 2, "<": 4, ">": 4, "<=": 4, ">=": 4, "<>": 6}


def _choice(term: Term, wanted: Truth) -> int:
    """How much choice a part leaves, so that what is fixed is decided first."""
    match node := term.node:
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP) if _measures(node.lexpr) or _measures(node.rexpr):
            return 3
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(*_, name)):
            return _CHOICES.get(name.sval, 3) if Truth.TRUE in wanted else 6
        case ast.A_Expr():
            return 1
        case ast.SubLink() | ast.FuncCall():
            return 5
        case ast.NullTest():
            return 0 if node.nulltesttype == NullTestType.IS_NULL else 7
        case ast.BoolExpr():
            return 8 if node.boolop == BoolExprType.NOT_EXPR else 5
    return 3


_MEASURES = ("length", "char_length", "character_length", "octet_length", "cardinality", "array_length")


def _measures(node: Node) -> bool:
    """How long something is leaves open what it is."""
    return isinstance(node, ast.FuncCall) and names_of(node.funcname or ())[1] in _MEASURES


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
                BoolExprType.AND_EXPR, operation(">=", node.lexpr, low), operation("<=", node.lexpr, high)
            )
            want = wanted if node.kind == A_Expr_Kind.AEXPR_BETWEEN else wanted.negated
            return search.make(term.at(both), want, state)
    if name in _VALUES or node.lexpr is None:
        return search.push(term, "true", state) if wanted & Truth.TRUE else search.push(term, "false", state)
    return compare(search, left, name, term.at(node.rexpr), wanted, state)


def operation(name: str, left: Node, right: Node) -> Node:
    """Two operands and the operator between them."""
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
        if len(sides) > 1 and search.read(one, state).is_final:  # there is nothing in it to set
            continue
        for following, answer in search.pick(other, state):
            if answer.value is None:
                if Truth.NULL in wanted:
                    yield following
                continue
            untyped = isinstance(other.node, ast.A_Const)
            side = replace(answer, type=search.type_of(one, following)) if untyped else answer
            for target in comparison.targets(operator, search.side(side), wanted):
                yield from search.push(one, target, following)
    if not comparison.is_known(name):
        search.name_obstacle(f"operator {name}")


def _compare_rows(search: Search, left: Term, name: str, right: Term, wanted: Truth, state: State) -> States:
    pairs = zip(left.node.args, right.node.args, strict=False)
    if name != "=" or left.scope is not right.scope:
        return
    both = junction(BoolExprType.AND_EXPR, *(operation("=", one, other) for one, other in pairs))
    yield from search.make(left.at(both), wanted, state)


def _listed(
    search: Search, left: Term, name: str, items: Sequence[Term], wanted: Truth, state: State
) -> States:
    """IN a list, and NOT IN, whose name is <>."""
    operator = BoolExprType.OR_EXPR if name == "=" else BoolExprType.AND_EXPR
    joined = junction(operator, *(operation(name, left.node, item.node) for item in items))
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


def arms(
    search: Search, term: Term, state: State, fits: Callable[[Node], bool]
) -> Iterator[tuple[Term, State]]:
    """The results of a CASE that may fit, each with what leads there."""
    node = term.node
    tests = [operation("=", node.arg, one.expr) if node.arg is not None else one.expr for one in node.args]
    results = [*(one.result for one in node.args), node.defresult or constant(None)]
    for number, result in enumerate(results):
        if fits(result):
            before = [(term.at(test), Truth.NOT_TRUE) for test in tests[:number]]
            chosen = [(term.at(test), Truth.TRUE) for test in tests[number : number + 1]]
            for following in each(search, [*before, *chosen], state):
                yield term.at(result), following


def case(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """CASE of conditions."""
    unfit = {Truth.TRUE: "true", Truth.FALSE: "false", Truth.NULL: None}
    excluded = [value for truth, value in unfit.items() if truth not in wanted]

    def fits(result: Node) -> bool:
        return not (isinstance(result, ast.A_Const) and _boolean(result) in excluded)

    for result, following in arms(search, term, state, fits):
        yield from search.make(result, wanted, following)


def _boolean(const: Node) -> str | None:
    if const.isnull:
        return None
    return str(const.val.boolval).lower() if isinstance(const.val, ast.Boolean) else "?"
