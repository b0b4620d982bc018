"""What to do about a refusal: its SQLSTATE, constraint and column say what to repair."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pgassay.catalog.model import Column, Constraint, Index
from pgassay.catalog.names import quoted
from pgassay.observation import Attempt
from pgassay.solver import functions, logic, parents, partitions, values
from pgassay.solver.asking import BudgetSpentError
from pgassay.solver.model import ColumnSlot, Made, Reason, RowRef, Slot, Truth, Unreached, Value
from pgassay.solver.schema import check_text
from pgassay.solver.scope import BoundRow, Scope, Term, parse_expression
from pgassay.solver.search import Search
from pgassay.solver.sequences import is_counted
from pgassay.solver.state import State
from pgassay.solver.writing import literal, where

if TYPE_CHECKING:
    from pgassay.solver.rows import Making

_COUNTS = ("int2", "int4", "int8")
_TEXTS = ("text", "varchar", "bpchar", "citext")
_UNMOVED = 2  # rows of a kind after which triggers are not asked to agree any more
_PERSUASIONS = 7  # tries to have a trigger agree


def repair(making: Making, attempt: Attempt) -> Made | Unreached | None:
    """What comes of a refusal: a row after all, the end, or None for another try."""
    found = _REPAIRED.get(attempt.sqlstate)
    if attempt.table and attempt.table != making.schema.relations[making.table].relation:
        found = None  # a trigger's own statement was refused
    if found is None or (attempt.sqlstate == "23514" and not _has_check(making, attempt)):
        return _persuade(making, attempt)
    return found(making, attempt)


def _has_check(making: Making, attempt: Attempt) -> bool:
    """Whether it is one of the table's own, and not a trigger that says so."""
    named = {one.name for one in making.schema.catalog.of(Constraint) if one.type == "c"}
    return attempt.constraint in named if attempt.constraint else bool(attempt.table)


def _persuade(making: Making, attempt: Attempt) -> Made | Unreached | None:
    """A trigger refuses: values for which it does not; as a last resort without triggers."""
    if not making.refused:
        making.refused, making.solutions = True, None
        if _document(making):
            return None
    unmoved = making.maker.unmoved
    if unmoved[making.kind] < _UNMOVED and (making.solutions is None or making.tries <= _PERSUASIONS):
        found = _check(making, attempt)
        if found is None:
            return None
    unmoved[making.kind] += 1
    return _afterwards(making) or _without_triggers(making, attempt)


def _afterwards(making: Making) -> Made | None:
    """A state that no row may begin with: inserted in another one, and then changed."""
    key = making.schema.key(making.table)
    later = {
        name: value
        for name, value in making.need.values.items()
        if name in making.columns and name not in key and not making.keys_of(name)
    }
    if not later or not key:
        return None
    first = {name: value for name, value in making.need.values.items() if name not in later}
    with making.asker.trial() as trial:
        made = making.begin(first)
        if isinstance(made, Made) and not made.unchecked:
            wanted = where({name: made.values[name] for name in key})
            updated = _update(making, later, wanted)
            if isinstance(updated, Made):
                trial.keep()
                return replace(updated, statements=(*made.statements, *updated.statements))
    return None


def _update(making: Making, changed: Mapping[str, Value], wanted: str) -> Made | Attempt:
    sets = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in changed.items())
    shown = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in making.columns)
    statement = f"update {making.table} set {sets} where {wanted}"
    making.begin_numbers()
    updated = making.asker.run(f"{statement} returning {shown}")
    if updated.sqlstate or not updated.rows:
        return updated
    return making.as_made(dict(updated.rows[0]), statement)


def _document(making: Making) -> bool:
    """Documents get what the triggers read of them, as accounts have a name; whether there was any."""
    read = functions.documents(making.schema, making.table)
    found = {
        name: json.dumps(dict.fromkeys(keys, values.short(f"{name} {making.need.purpose}")), sort_keys=True)
        for name, keys in read.items()
        if name in making.columns and name not in making.need.values
    }
    making.values |= found
    return bool(found)


def _fill_null(making: Making, attempt: Attempt) -> Made | Unreached | None:
    column = making.columns.get(attempt.column)
    if making.values.get(attempt.column) is not None:  # a trigger took it away
        return _persuade(making, attempt)
    if column is None or column.name in making.need.values:
        return making.refused_by(attempt)
    value = making.own(column)
    if value is None or making.values.get(column.name) == value:
        return making.refused_by(attempt)
    making.values[column.name] = value
    for key in making.keys_of(column.name):
        del making.values[column.name]
        return parents.refer(making, key, needed=True)
    return None


def _fill_parent(making: Making, attempt: Attempt) -> Unreached | None:
    for key in making.schema.constraints(making.table, "f"):
        if key.name == attempt.constraint:
            wanted = {
                there: making.values.get(here)
                for here, there in zip(key.columns, key.target_columns, strict=True)
            }
            if None in wanted.values():
                return making.refused_by(attempt)
            parent = parents.make_parent(making, key.target or "", key, wanted)
            if isinstance(parent, Unreached):
                return parent if making.solutions is None else _check(making, attempt) and parent
            return None
    return making.refused_by(attempt)


def _part(making: Making, attempt: Attempt) -> Made | Unreached | None:
    """A duplicate: the row that is there will do, or a column nobody asked for gets another value."""
    index = next((one for one in making.schema.indexes(making.table) if one.name == attempt.constraint), None)
    if index is None:
        return making.refused_by(attempt)
    asked = set(making.need.values)
    referring = {name for name in index.columns if making.keys_of(name)}
    is_same = index.primary or set(index.columns) <= asked | referring
    is_last = index.whole and making.tries > _PERSUASIONS
    if making.need.shared and (is_same or is_last):
        return _merge(making, index, attempt)
    for name in reversed(index.columns):
        if name not in asked and _vary(making, making.columns[name]):
            return None
    return (
        _merge(making, index, attempt) if making.need.shared and index.whole else making.refused_by(attempt)
    )


def _vary(making: Making, column: Column) -> bool:
    current = making.values.get(column.name)
    words = column.labels or making.schema.words(making.table, column.name)
    if words or column.base == "bool":
        tried = making.tries
        found = list(values.others(current, column.base, labels=words))
        making.values[column.name] = found[tried % len(found)] if found else current
        return bool(found)
    keys = making.keys_of(column.name)
    value = making.own(column, variant=f" {making.tries}")
    if making.solutions is not None and column.base in _TEXTS and current:  # it has to fit checks
        value = values.alike(current, f"{value}")
    if making.solutions is not None and column.base in _COUNTS and current:
        value = str(int(current) + making.tries)
    if value == current or value is None:
        return False
    if keys:
        making.need = replace(making.need, purpose=f"{making.need.purpose} {making.tries}".strip())
        making.values.pop(column.name, None)
        return parents.refer(making, keys[0]) is None and column.name in making.values
    making.values[column.name] = value
    return True


def _merge(making: Making, index: Index, attempt: Attempt) -> Made | Unreached:
    """The row that is there gets what was asked for."""
    there = {name: _default(making, making.columns[name]) for name in index.columns} | making.values
    key = {name: there[name] for name in index.columns}
    if None in key.values():
        return making.refused_by(attempt)
    shown = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in making.columns)
    rows = making.asker.look(f"select {shown} from {making.table} where {where(key)}").rows
    if not rows:
        return making.refused_by(attempt)
    row = dict(rows[0])
    changed = {
        name: value
        for name, value in making.need.values.items()
        if name in making.columns and name not in key and not _is_same(making, name, row[name], value)
    }
    if not changed:
        return making.as_made(row)
    updated = _update(making, changed, where(key))
    if isinstance(updated, Made):
        return updated

    def change() -> Made | None:
        again = _update(making, changed, where(key))
        return again if isinstance(again, Made) else None

    return _unchecked(making, change) or making.refused_by(updated if updated.sqlstate else attempt)


def _is_same(making: Making, name: str, one: Value, other: Value) -> bool:
    if one == other or one is None or other is None:
        return one == other
    type_ = making.columns[name].type
    same = making.asker.look(
        f"select {literal(one)}::{type_} is not distinct from {literal(other)}::{type_} as same"
    )
    return bool(same.rows and same.rows[0]["same"])


def _check(making: Making, attempt: Attempt) -> Unreached | None:
    """Values such that all checks of the table hold; of a partitioned one, that a partition takes."""
    if not attempt.constraint and (found := partitions.key_values(making.schema, making.table)):
        free = {name: value for name, value in found.items() if name not in making.need.values}
        if any(making.values.get(name) != value for name, value in free.items()):
            making.values |= free
            return None
    if making.solutions is None:
        making.solutions = _solve_checks(making)
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


def _solve_checks(making: Making) -> Iterator[State]:
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
            found[ColumnSlot(ref, column.name)] = _default(making, column)
    return found


def _default(making: Making, column: Column) -> Value:
    """What the server writes where nothing is given; null for what it counts."""
    if column.generated or is_counted(column):
        return None
    return making.asker.evaluate(column.default or "null", None).value


def _tests(making: Making, ref: RowRef) -> Iterator[Term]:
    scope = Scope(rows={making.schema.plain_name(making.table): BoundRow(ref)}, path=making.schema.path)
    for check in making.schema.constraints(making.table, "c"):
        yield Term(parse_expression(check_text(check.definition)), scope)
    for column in making.columns.values():
        for text in making.schema.domain_checks(column.type):
            if column.name in making.values or column.not_null:
                yield Term(parse_expression(text), Scope(variables={"value": ColumnSlot(ref, column.name)}))


def _shift(making: Making, attempt: Attempt) -> Unreached | None:
    """An exclusion constraint: another value for a column that nobody asked for."""
    for constraint in making.schema.constraints(making.table, "x"):
        if constraint.name == attempt.constraint:
            for name in reversed(constraint.columns):
                if name not in making.need.values and _shifted(making, making.columns[name]):
                    return None
    return making.refused_by(attempt)


def _shifted(making: Making, column: Column) -> bool:
    moved = values.another_range(column.base, making.tries)
    if moved is None:
        return _vary(making, column)
    making.values[column.name] = moved
    return True


def _small(making: Making, attempt: Attempt) -> Unreached | None:
    """A number that is too large for its column."""
    numbers = [
        column.name
        for column in making.columns.values()
        if column.name in making.values and column.name not in making.need.values and column.category == "N"
    ]
    large = [name for name in numbers if making.values[name] not in ("1", "0")]
    for name in large:
        making.values[name] = "1" if making.tries < 3 else "0"
    return None if large else making.refused_by(attempt)


def _without_triggers(making: Making, attempt: Attempt) -> Made | Unreached:
    """As a last resort; not where a trigger is none of the owner's to disable."""
    if attempt.sqlstate[:2] in ("42", "22"):
        return making.refused_by(attempt)
    making.refused, making.solutions = False, None

    def insert() -> Made | None:
        for _ in range(_PERSUASIONS):
            again = making.asker.run(making.statement())
            if not again.sqlstate:
                return making.made(again)
            if again.sqlstate != "23514" or _check(making, again) is not None:
                break
        return None

    return _unchecked(making, insert) or making.refused_by(attempt)


def _unchecked(making: Making, write: Callable[[], Made | None]) -> Made | None:
    """What is written while the triggers of the table sleep."""
    triggers = making.schema.user_triggers(making.table)
    off = [f"alter table {making.table} disable trigger {one.quoted}" for one in triggers]
    on = [f"alter table {making.table} {one.enabling} trigger {one.quoted}" for one in triggers]
    if making.schema.defers:  # a table with events that wait for the end cannot be altered
        off.insert(0, "set constraints all immediate")
        on.append("set constraints all deferred")
    with making.asker.trial() as trial:
        if not triggers or any(making.asker.run(statement).sqlstate for statement in off):
            return None
        made = write()
        if made is None or any(making.asker.run(statement).sqlstate for statement in on):
            return None
        trial.keep()
    return replace(made, statements=(*off, *made.statements, *on), unchecked=True)


_REPAIRED: Mapping[str, Callable[[Making, Attempt], Made | Unreached | None]] = {
    "23502": _fill_null,
    "23503": _fill_parent,
    "23505": _part,
    "23514": _check,
    "23P01": _shift,
    "22003": _small,
}
