"""CASE, COALESCE, NULLIF, GREATEST and LEAST: as conditions (`make_…`) and as values (`push_…`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from pglast import ast

from pgassay.solver import constants
from pgassay.solver.logic import each
from pgassay.solver.model import Truth, Value
from pgassay.solver.scope import Node, Term, constant
from pgassay.solver.state import Path, State, States
from pgassay.solver.syntax import operation

if TYPE_CHECKING:
    from pgassay.solver.search import Search


# CASE


def make_case(search: Search, term: Term, wanted: Truth, state: State) -> States:
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


def push_case(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """CASE: the results that may be the value."""

    def fits(result: Node) -> bool:
        known = constants.read(result)
        return path != () or known is None or known.value == value

    for result, following in arms(search, term, state, fits):
        yield from search.push(result, value, following, path)


def _any(_: Node) -> bool:
    return True


def arms(
    search: Search, term: Term, state: State, fits: Callable[[Node], bool] = _any
) -> Iterator[tuple[Term, State]]:
    """The results of a CASE that may fit, each with what leads there."""
    node = term.node
    tests = [operation("=", node.arg, one.expr) if node.arg is not None else one.expr for one in node.args]
    results = [*(one.result for one in node.args), node.defresult or constant(None)]
    for number in sorted(
        range(len(results)), key=lambda one: not _is_of_row(search, term, state, tests, one)
    ):
        if fits(result := results[number]):
            before = [(term.at(test), Truth.NOT_TRUE) for test in tests[:number]]
            chosen = [(term.at(test), Truth.TRUE) for test in tests[number : number + 1]]
            for following in each(search, [*before, *chosen], state):
                yield term.at(result), following


def _is_of_row(search: Search, term: Term, state: State, tests: Sequence[Node], number: int) -> bool:
    """Whether a way through a CASE is chosen by what the row is; the others are chosen for all rows."""
    return number >= len(tests) or search.terms.is_of_row(term.at(tests[number]), state)


# COALESCE


def make_coalesce(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """COALESCE of conditions: the first, or the next where it is null."""
    first, *rest = term.node.args
    if not rest:
        yield from search.make(term.at(first), wanted, state)
        return
    if known := wanted & (Truth.TRUE | Truth.FALSE):
        yield from search.make(term.at(first), known, state)
    for following in search.make(term.at(first), Truth.NULL, state):
        yield from search.make(term.at(ast.CoalesceExpr(args=tuple(rest))), wanted, following)


def push_coalesce(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """The first, or the next where it is null."""
    first, *rest = term.node.args
    if not rest:
        yield from search.push(term.at(first), value, state, path)
        return
    if value is not None:
        yield from search.push(term.at(first), value, state, path)
    following = term.at(ast.CoalesceExpr(args=tuple(rest)))
    for nulled in search.push(term.at(first), None, state):
        yield from search.push(following, value, nulled, path)


# NULLIF, GREATEST, LEAST


def push_nullif(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """NULLIF: the value, or what is taken away where that is null."""
    left, right = term.at(term.node.lexpr), term.at(term.node.rexpr)
    yield from search.push(left, value, state, path)
    if value is None:
        for following, answer in search.pick(right, state):
            yield from search.push(left, answer.value, following)


def push_extreme(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """GREATEST, LEAST: one of what they choose from."""
    for one in term.node.args:
        yield from search.push(term.at(one), value, state, path)
