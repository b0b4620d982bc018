"""AND, OR and NOT: what their parts must be for the whole to be as wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, NullTestType

from pgassay.solver.model import KeySlot, Slot, Truth
from pgassay.solver.scope import Node, Term, names_of
from pgassay.solver.state import State, States

if TYPE_CHECKING:
    from pgassay.solver.search import Search


def conjuncts(term: Term) -> list[Term]:
    """What AND joins; the term itself where that is something else."""
    if isinstance(term.node, ast.BoolExpr) and term.node.boolop == BoolExprType.AND_EXPR:
        return [part for node in term.node.args or () for part in conjuncts(term.at(node))]
    return [term]


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
    """One of the parts is as wanted: first such as are about the row; then what leaves the least choice.

    The others hold for all rows: to be an administrator, and see everything, is more than was asked.
    """
    of_row = {id(part): search.terms.is_of_row(part, state) for part in parts}
    ordered = sorted(parts, key=lambda one: (not of_row[id(one)], _choice(one, wanted)))
    for part in ordered:
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
        slots = {slot for slot in search.terms.slots(part[0]) if not state.known(slot)}
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
    part = min(parts, key=lambda one: (*_open(search, one[0], state), _choice_of(search, *one)))
    rest = [one for one in parts if one is not part]
    for following in search.make(*part, state):
        yield from _chain(search, rest, following)


def _open(search: Search, part: Term, state: State) -> tuple[bool, bool]:
    """Whether anything is open in a part, and whether that is more than keys, where values are put."""
    slots = [slot for slot in search.terms.slots(part) if not state.known(slot)]
    return bool(slots), not all(isinstance(slot, KeySlot) for slot in slots)


def _choice_of(search: Search, term: Term, wanted: Truth) -> int:
    """As `_choice`; that something is as it is without blanks, or in small letters, leaves much."""
    node = term.node
    if isinstance(node, ast.A_Expr) and node.kind == A_Expr_Kind.AEXPR_OP and node.lexpr is not None:
        left, right = (search.terms.slots(term.at(side)) for side in (node.lexpr, node.rexpr))
        if left & right:
            return _SELF
    return _choice(term, wanted)


_SELF = 6
_CHOICES = {"=": 0, "~~": 2, "~~*": 2, "~": 2, "~*": 2, "@>": 2, "<": 4, ">": 4, "<=": 4, ">=": 4, "<>": 6}

_REFUSED = {"<>": 0, "<": 4, ">": 4, "<=": 4, ">=": 4}
"""Where they are not to be true."""


def _choice(term: Term, wanted: Truth) -> int:
    """How much choice a part leaves, so that what is fixed is decided first."""
    match node := term.node:
        case ast.A_Expr() if _measures(node.lexpr) or _measures(node.rexpr):
            return 3
        case ast.A_Expr() if _is_of_kind(node):
            return 6
        case ast.BooleanTest() if _is_of_kind(node.arg):
            return 6
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(*_, name)):
            return _CHOICES.get(name.sval, 3) if Truth.TRUE in wanted else _REFUSED.get(name.sval, 6)
        case ast.A_Expr():
            return 1
        case ast.SubLink() | ast.FuncCall():
            return 5
        case ast.NullTest():
            is_null = Truth.TRUE if node.nulltesttype == NullTestType.IS_NULL else Truth.FALSE
            return 0 if is_null in wanted else 7
        case ast.BoolExpr():
            return 8 if node.boolop == BoolExprType.NOT_EXPR else 5
    return 3


_MEASURES = ("length", "char_length", "character_length", "octet_length", "cardinality", "array_length")


_KINDS = ("jsonb_typeof", "json_typeof")


def _measures(node: Node) -> bool:
    """How long something is leaves open what it is."""
    return _is_call(node, _MEASURES)


def _is_of_kind(node: Node) -> bool:
    """What kind of document something is leaves open what is in it."""
    return isinstance(node, ast.A_Expr) and (_is_call(node.lexpr, _KINDS) or _is_call(node.rexpr, _KINDS))


def _is_call(node: Node, names: Sequence[str]) -> bool:
    return isinstance(node, ast.FuncCall) and names_of(node.funcname or ())[1] in names
