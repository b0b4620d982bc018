"""Values with which a row passes the checks of its table, and its triggers where they refused it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pgassay.observation import Attempt
from pgassay.solver import functions, logic, partitions
from pgassay.solver.asking import BudgetSpentError
from pgassay.solver.checks import domain_checks, table_checks
from pgassay.solver.model import ColumnSlot, Reason, RowRef, Slot, Truth, Unreached, Value
from pgassay.solver.scope import BoundRow, Term
from pgassay.solver.search import Search
from pgassay.solver.sequences import is_counted
from pgassay.solver.state import State

if TYPE_CHECKING:
    from pgassay.solver.rows import Making


def satisfy_checks(making: Making, attempt: Attempt) -> Unreached | None:
    """Values such that all checks of the table hold; of a partitioned one, that a partition takes."""
    if not attempt.constraint and (found := partitions.key_values(making.schema, making.table)):
        free = {name: value for name, value in found.items() if name not in making.need.values}
        if any(making.values.get(name) != value for name, value in free.items()):
            making.values |= free
            return None
    if making.solutions is None:
        making.solutions = _solve(making)
    state = next(making.solutions, None)
    if state is None:
        return making.maker.refusal(
            making.need, Reason.CONTRADICTION, f"{attempt.message} ({attempt.sqlstate})"
        )
    found = state.columns(RowRef(making.table))
    kept = _preferred(making)
    making.values |= {
        name: value
        for name, value in found.items()
        if name in making.values or value != kept.get(ColumnSlot(RowRef(making.table), name), "")
    }
    return None


def solutions(making: Making) -> Iterator[Mapping[str, Value]]:
    """Values with which all checks of the table hold, nearest to those that it would have."""
    return (state.columns(RowRef(making.table)) for state in _solve(making))


def _solve(making: Making) -> Iterator[State]:
    search = Search(making.schema, making.asker, purpose=making.need.purpose, preferred=_preferred(making))
    ref = RowRef(making.table)
    state = State(rows=(ref,))
    for name, value in making.need.values.items():
        if name in making.columns:
            state = state.assign(ColumnSlot(ref, name), value) or state
    tests = [(test, Truth.NOT_FALSE) for test in _tests(making, ref)]
    if making.refused:
        raising = functions.refusals(making.schema, making.table, BoundRow(ref))
        tests += [(test, Truth.NOT_TRUE) for test in raising]
    try:
        yield from logic.each(search, tests, state)
    except BudgetSpentError:
        return


def _preferred(making: Making) -> dict[Slot, Value]:
    """What the columns would have: what was chosen, or their defaults."""
    ref = RowRef(making.table)
    found: dict[Slot, Value] = {}
    for column in making.columns.values():
        if column.name in making.values:
            found[ColumnSlot(ref, column.name)] = making.values[column.name]
        elif not column.generated and not is_counted(column):
            found[ColumnSlot(ref, column.name)] = making.default(column)
    return found


def _tests(making: Making, ref: RowRef) -> Iterator[Term]:
    yield from table_checks(making.schema, ref)
    for column in making.columns.values():
        if column.name in making.values or column.not_null:
            yield from domain_checks(making.schema, ColumnSlot(ref, column.name))
