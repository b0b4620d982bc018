"""Comparisons, IN, BETWEEN and IS: one side is what it is, and the other is made to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, BoolTestType, NullTestType

from pgassay.solver import arrays, comparison, conditional, documents, jsonpaths
from pgassay.solver.asking import Answer
from pgassay.solver.model import Truth
from pgassay.solver.scope import Term, constant
from pgassay.solver.state import State, States
from pgassay.solver.syntax import VALUE_OPERATORS, junction, operation

if TYPE_CHECKING:
    from pgassay.solver.search import Search


_CONTAINING = ("@>", "?", "?&", "?|")


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
    if name in jsonpaths.OPERATORS and node.lexpr is not None:
        rule = documents.find_path if name == "@?" else documents.match_path
        return rule(search, [left, term.at(node.rexpr)], wanted, state)
    if name in VALUE_OPERATORS or node.lexpr is None:
        return search.push(term, "true", state) if wanted & Truth.TRUE else search.push(term, "false", state)
    return compare(search, left, name, term.at(node.rexpr), wanted, state)


def compare(search: Search, left: Term, name: str, right: Term, wanted: Truth, state: State) -> States:
    """`left name right`: one side is what it is, and the other is made to fit."""
    if isinstance(left.node, ast.RowExpr) and isinstance(right.node, ast.RowExpr):
        yield from _compare_rows(search, left, name, right, wanted, state)
        return
    backwards = comparison.COMMUTED.get(name)
    sides = [(left, name, right), *([(right, backwards, left)] if backwards else [])]
    read = search.terms.read
    if backwards and read(left, state).is_ground and not read(right, state).is_ground:
        sides.reverse()
    for one, operator, other in sides:
        if len(sides) > 1 and search.terms.read(one, state).is_final:  # there is nothing in it to set
            continue
        for following, answer in search.pick(other, state):
            if answer.value is None:
                if Truth.NULL in wanted:
                    yield following
                continue
            untyped = isinstance(other.node, ast.A_Const)
            side = replace(answer, type=search.terms.type_of(one, following)) if untyped else answer
            for target in comparison.targets(operator, _side(search, side), wanted):
                if operator in _CONTAINING and Truth.TRUE in wanted:
                    yield from documents.push_parts(search, one, target, following)
                yield from search.push(one, target, following)
    for one, operator, other in sides:
        yield from _compare_arms(search, one, operator, other, wanted, state)
    if not comparison.is_known(name):
        search.obstacles.meet_name(f"operator {name}")


def _compare_arms(search: Search, case: Term, name: str, other: Term, wanted: Truth, state: State) -> States:
    """The results of a CASE, each as a literal: nothing else comes out of it."""
    found = search.terms.unfold(case)
    for arm, following in conditional.arms(search, found, state) if _is_case(found) else ():
        answer = search.terms.evaluate(arm, following)
        if answer and answer.value is not None:
            literal = constant(answer.value, answer.type)
            yield from search.make(other.at(operation(name, literal, other.node)), wanted, following)


def _is_case(term: Term) -> bool:
    return isinstance(term.node, ast.CaseExpr)


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
                for target in [] if answer.value is None else comparison.equal(_side(search, answer), False):  # noqa: FBT003
                    yield from search.push(one, target, following)
                yield from (
                    search.push(one, None, following)
                    if answer.value is not None
                    else not_null(search, one, following)
                )


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


def _side(search: Search, answer: Answer) -> comparison.Side:
    """A value that is there, for what may stand at its left."""
    assert answer.value is not None
    return comparison.Side(
        value=answer.value,
        type=search.schema.base_of(answer.type),
        labels=search.schema.labels_of(answer.type),
        purpose=search.purpose,
    )
