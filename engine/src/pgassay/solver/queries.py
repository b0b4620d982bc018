"""Subqueries: the rows that they would find are rows that can be made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from pglast import ast
from pglast.enums import SubLinkType

from pgassay.solver import arrays, elements, logic, predicates
from pgassay.solver.aggregates import aggregate_of, argument_of
from pgassay.solver.asking import Answer
from pgassay.solver.model import ColumnSlot, RowRef, Truth, Value
from pgassay.solver.opening import Opened, all_columns, name_of, open_query
from pgassay.solver.scope import BoundRow, Term
from pgassay.solver.state import Path, State, States

if TYPE_CHECKING:
    from pgassay.solver.search import Search

_MOST_ROWS = 30


def exists(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """EXISTS: never null."""
    if Truth.TRUE in wanted:
        for opened in open_query(search, term.node.subselect, term.scope, state):
            yield from logic.every(search, opened.tests, Truth.TRUE, opened.state)
    if Truth.FALSE in wanted:
        yield from _none(search, term, Truth.FALSE, state)


def _none(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """Nothing is found: what it looks for is of values that nothing has yet."""
    for following in search.settle(search.terms.read(term, state).free, state):
        answer = search.terms.evaluate(term, following)
        if answer and answer.truth & wanted and following is not state:
            yield following
    for node, empty in elements.emptied(term.node.subselect):
        yield from search.push(term.at(node), empty, state)
    if search.may_change and wanted & Truth.FALSE:
        yield from _change(search, term, state)
    if wanted & Truth.FALSE:
        yield from _miss(search, term, state)


def _miss(search: Search, term: Term, state: State) -> States:
    """A row that it would find but for one condition: what must refer to a row refers to that one."""
    for opened in open_query(search, term.node.subselect, term.scope, state):
        new = opened.state.rows[len(state.rows) :]
        tests = [part for test in opened.tests for part in logic.conjuncts(test)]
        linking = [test for test in tests if _links(search, test, new)]
        for test in tests if new and linking else ():
            if test not in linking:
                for following in logic.every(search, linking, Truth.TRUE, opened.state):
                    yield from search.make(test, Truth.NOT_TRUE, following)


def _links(search: Search, test: Term, new: Sequence[RowRef]) -> bool:
    """Whether a condition ties new rows to one that there is anyway."""
    rows = {slot.row for slot in search.terms.slots(test) if isinstance(slot, ColumnSlot)}
    return bool(rows & set(new)) and bool(rows - set(new))


def _change(search: Search, term: Term, state: State) -> States:
    """A row that is found is changed such that it is not any more."""
    for opened in open_query(search, term.node.subselect, term.scope, state):
        new = opened.state.rows[len(state.rows) :]
        if len(new) == 1:
            for keyed in _matched(search, term, opened, new[0]):
                for test in opened.tests:
                    yield from search.make(test, Truth.NOT_TRUE, keyed)


def _matched(search: Search, term: Term, opened: Opened, ref: RowRef) -> States:
    """With the key of the first row that the query finds now."""
    keys = search.schema.key(ref.table)
    rows = opened.scope.rows.items()
    alias = next((name for name, row in rows if isinstance(row, BoundRow) and row.ref == ref), "")
    state: State | None = opened.state
    for name in keys if alias else ():
        column = ast.ResTarget(val=ast.ColumnRef(fields=(ast.String(alias), ast.String(name))))
        select = term.node.subselect
        changed = {part: getattr(select, part) for part in select} | {"targetList": (column,)}
        sublink = ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=ast.SelectStmt(**changed))
        found = search.terms.evaluate(term.at(sublink), opened.state)
        if found is None or found.value is None or state is None:
            return
        state = state.assign(ColumnSlot(ref, name), found.value)
    if keys and alias and state is not None:
        yield state


def member(search: Search, term: Term, wanted: Truth, state: State) -> States:
    """`x IN (SELECT …)`, `x op ANY (SELECT …)`, and ALL."""
    node = term.node
    every = node.subLinkType == SubLinkType.ALL_SUBLINK
    name = node.operName[-1].sval if node.operName else "="
    if Truth.TRUE in wanted and not every:
        for opened in open_query(search, node.subselect, term.scope, state):
            yield from _found(search, term.at(node.testexpr), name, opened)
    rest = wanted if every else wanted & ~Truth.TRUE
    if rest:
        yield from _none(search, term, rest, state)


def _found(search: Search, test: Term, name: str, opened: Opened) -> States:
    """The row that is found is the one that is compared with."""
    targets = list(all_columns(search, opened).values())
    tests = [test.at(one) for one in test.node.args or ()] if isinstance(test.node, ast.RowExpr) else [test]
    for following in logic.every(search, opened.tests, Truth.TRUE, opened.state):
        yield from _compare_all(search, list(zip(tests, targets, strict=False)), name, following)


def _compare_all(search: Search, pairs: Sequence[tuple[Term, Term]], name: str, state: State) -> States:
    if not pairs:
        yield state
        return
    (test, target), *rest = pairs
    if _is_array_of(target):
        compared = arrays.contain_compared(search, test, target, state)
    else:
        compared = predicates.compare(search, test, name, target, Truth.TRUE, state)
    for following in compared:
        yield from _compare_all(search, rest, name, following)


def _is_array_of(target: Term) -> bool:
    node = target.node
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return isinstance(node, ast.FuncCall) and name_of(node) in arrays.SETS


def push(
    search: Search,
    term: Term,
    value: Value,
    state: State,
    path: Path = (),
    *,
    element: bool = False,
) -> States:
    """A scalar subquery has a value, or its array has an element."""
    node = term.node
    if value is None and not path:
        yield from _nothing(search, term, state)
    listed = element and node.subLinkType == SubLinkType.ARRAY_SUBLINK
    for opened in open_query(search, node.subselect, term.scope, state):
        for target in islice(all_columns(search, opened).values(), 1):
            if aggregate_of(target.node) == "count":
                yield from _count(search, term, value, opened)
                continue
            for following in logic.every(search, opened.tests, Truth.TRUE, opened.state):
                inner = target.at(argument_of(target.node))
                if element and not listed:
                    yield from search.contain(target, value, following)
                else:
                    yield from search.push(inner, value, following, path)


def _nothing(search: Search, term: Term, state: State) -> States:
    for following in search.settle(search.terms.read(term, state).free, state):
        answer = search.terms.evaluate(term, following)
        if answer and answer.value is None and not answer.error:
            yield following


def _count(search: Search, term: Term, value: Value, opened: Opened) -> States:
    """So many rows: those that there are, and new ones."""
    try:
        wanted = int(value or "0")
    except ValueError:
        return
    now = search.terms.evaluate(term, opened.state)
    there = int(now.value or "0") if now and not now.error else 0
    states: States = iter([opened.state])
    if not there < wanted <= there + _MOST_ROWS:
        if wanted == 0:
            yield from _nothing_counted(search, term, opened.state)
        return
    for number in range(wanted - there):
        states = _one_more(search, term, states, number)
    yield from islice(states, 3)


def _nothing_counted(search: Search, term: Term, state: State) -> States:
    for following in search.settle(search.terms.read(term, state).free, state):
        answer = search.terms.evaluate(term, following)
        if answer and answer.value == "0":
            yield following


def _one_more(search: Search, term: Term, states: States, number: int) -> States:
    for state in states:
        for opened in open_query(search, term.node.subselect, term.scope, state):
            if number and len(opened.state.rows) == len(state.rows):
                continue  # a row that counted already
            yield from logic.every(search, opened.tests, Truth.TRUE, opened.state)


def pick(search: Search, term: Term, state: State) -> Iterator[tuple[State, Answer]]:
    """The value of the row that a scalar subquery shall find."""
    for opened in open_query(search, term.node.subselect, term.scope, state):
        for following in logic.every(search, opened.tests, Truth.TRUE, opened.state):
            for target in islice(all_columns(search, opened).values(), 1):
                yield from search.pick(target.at(argument_of(target.node)), following)
