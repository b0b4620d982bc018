"""Values that nobody asked for: those of a column's own that its checks let pass, and keys that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pgassay.catalog.names import quoted
from pgassay.solver import logic, values
from pgassay.solver.checks import column_checks
from pgassay.solver.model import ArgumentSlot, ClaimSlot, ColumnSlot, Slot, Truth, Value
from pgassay.solver.state import State

if TYPE_CHECKING:
    from pgassay.solver.search import Search

_STEPS_OF_A_CHECK = 600  # for a value of one column
_FITTING = 3  # of its values that the checks let pass


def propose(search: Search, slot: Slot) -> Iterator[Value]:
    """A value of its own for a slot, and then those that exist where it refers to some."""
    if isinstance(slot, ColumnSlot):
        yield from _propose_for_column(search, slot)
    elif not isinstance(slot, ClaimSlot):
        type_ = getattr(slot, "type", "text")
        yield values.own(type_, f"{slot.name} {search.purpose}", labels=search.schema.labels_of(type_))


def _propose_for_column(search: Search, slot: ColumnSlot) -> Iterator[Value]:
    column = search.schema.columns(slot.row.table)[slot.column]
    purpose = _purpose(search, slot)
    own = values.own(column.base, purpose, labels=column.labels, length=column.length)
    own = _checked(search, slot, own)
    keys = [key for key in search.schema.constraints(slot.row.table, "f") if key.columns == (slot.column,)]
    existing = [value for key in keys for value in _existing(search, key.target or "", key.target_columns[0])]
    # A text that refers to something is a word of a list, such as a plan's name.
    if existing and column.base != "uuid":
        yield from existing
    if own is not None:
        yield own
    if existing and column.base == "uuid":
        yield from existing


def fit(search: Search, slot: Slot, value: Value) -> Iterable[Value]:
    """The value; where the type has none such, those that are meant by it."""
    if isinstance(slot, ArgumentSlot) and slot.type == "uuid" and value is not None and not slot.path:
        return values.as_uuid(value, slot.name)
    if not isinstance(slot, ColumnSlot) or slot.path:
        return (value,)
    column = search.schema.columns(slot.row.table)[slot.column]
    if value is None:
        return () if column.not_null else (None,)
    words = column.labels or search.schema.words(slot.row.table, slot.column)
    if words and value not in words:
        # Another text than a word was asked for: `ax`, because it is not `a`.
        return (word for word in words if not value.startswith(word))
    if column.base == "uuid":
        return values.as_uuid(value, _purpose(search, slot))
    return (value,)


def _checked(search: Search, slot: ColumnSlot, value: Value) -> Value:
    """The value, or one that the checks of this column alone let pass."""
    if slot not in search.fresh:
        search.fresh[slot] = value  # so that nobody looks for this one again meanwhile
        tests = [(term, Truth.NOT_FALSE) for term in column_checks(search.schema, slot)]
        inner = search.for_nobody({slot: value})
        found = inner.steps.within(_STEPS_OF_A_CHECK, logic.each(inner, tests, State()))
        for state in islice(found, _FITTING) if tests else ():
            fitting = search.fresh[slot] = state.value(slot) if state.known(slot) else value
            if fitting is not None:  # which a check that begins with `x is null or` proposes first
                break
    return search.fresh[slot]


def _purpose(search: Search, slot: ColumnSlot) -> str:
    """What a column's own value is derived from."""
    number = f" {slot.row.number}" if slot.row.number else ""
    return f"{slot.row.table}.{slot.column} {search.purpose}{number}".strip()


def _existing(search: Search, table: str, column: str) -> list[Value]:
    """Some values of a column, in their order."""
    if table not in search.schema.relations:
        return []
    name = f"t.{quoted(column)}"
    attempt = search.asker.look(
        f"select {name}::text as value from {table} as t where {name} is not null order by {name} limit 3"
    )
    return [row["value"] for row in attempt.rows]
