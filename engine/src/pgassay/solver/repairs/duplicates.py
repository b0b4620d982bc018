"""What to do where a row is there already: take it, or another value where nobody asked for one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Index
from pgassay.catalog.names import quoted
from pgassay.observation import Attempt
from pgassay.solver import parents, values
from pgassay.solver.model import Made, Unreached, Value
from pgassay.solver.partitions import with_partitions
from pgassay.solver.repairs.checks import solutions
from pgassay.solver.repairs.triggers import PERSUASIONS, write_unchecked
from pgassay.solver.singular import singular_columns
from pgassay.solver.writing import literal, where

if TYPE_CHECKING:
    from pgassay.solver.rows import Making

_CHECKED = "23514"
_FITTING = 4  # of the ways to satisfy the checks
_COUNTS = ("int2", "int4", "int8")
_TEXTS = ("text", "varchar", "bpchar", "citext")


def part_duplicates(making: Making, attempt: Attempt) -> Made | Unreached | None:
    """A duplicate: the row that is there will do, or a column nobody asked for gets another value."""
    tables = with_partitions(making.schema, making.table)
    indexes = (one for table in tables for one in making.schema.indexes(table.name))
    index = next((one for one in indexes if one.name == attempt.constraint), None)
    if index is None:
        return making.refused_by(attempt)
    asked = set(making.need.values)
    referring = {name for name in index.columns if making.keys_of(name)}
    is_same = index.primary or bool(index.columns and set(index.columns) <= asked | referring)
    is_last = index.whole and making.tries > PERSUASIONS
    if making.need.shared and (is_same or is_last):
        return _merge(making, index, attempt)
    for name in reversed((*index.columns, *_in_expressions(making, index))):
        if name not in asked and _vary(making, making.columns[name]):
            return None
    return (
        _merge(making, index, attempt) if making.need.shared and index.whole else making.refused_by(attempt)
    )


def _in_expressions(making: Making, index: Index) -> Iterator[str]:
    """Columns of which a unique index has something that is computed, such as its small letters."""
    keys = [key for key, number in zip(index.keys, index.numbers, strict=False) if not number]
    words = find_literals([f"({key})" for key in keys]).words if keys else frozenset[str]()
    return (name for name in making.columns if name in words and not making.columns[name].generated)


def part_overlaps(making: Making, attempt: Attempt) -> Unreached | None:
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
    there = {name: making.default(making.columns[name]) for name in index.columns} | making.values
    key = {name: there[name] for name in index.columns}
    if None in key.values():
        return making.refused_by(attempt)
    return _merge_into(making, key, attempt)


def merge_singular(making: Making) -> Made | Unreached | None:
    """The one row of a user gets what was asked for, where another one would be one too many."""
    singular = {name for table, name in singular_columns(making.schema) if table == making.table}
    asked = making.need.values if making.need.shared else {}
    for name in sorted(singular & asked.keys()):
        found = making.asker.look(f"select 1 from {making.table} where {where({name: asked[name]})} limit 2")
        if asked[name] is not None and len(found.rows) == 1:
            return _merge_into(making, {name: asked[name]}, found)
    return None


def _merge_into(making: Making, key: Mapping[str, Value], attempt: Attempt) -> Made | Unreached:
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
    updated = making.update(changed, where(key))
    if isinstance(updated, Attempt) and updated.sqlstate == _CHECKED:
        updated = _fit_checks(making, row, key) or updated
    if isinstance(updated, Made):
        return updated

    def change() -> Made | None:
        again = making.update(changed, where(key))
        return again if isinstance(again, Made) else None

    return write_unchecked(making, change) or making.refused_by(updated if updated.sqlstate else attempt)


def _fit_checks(making: Making, row: Mapping[str, Value], key: Mapping[str, Value]) -> Made | None:
    """What was asked for, and what the checks of the table then ask of the other columns."""
    stored = {name for name, column in making.columns.items() if not column.generated}
    making.values = {name: value for name, value in row.items() if name in stored} | dict(making.need.values)
    for values_ in islice(solutions(making), _FITTING):
        changed = {
            name: value for name, value in values_.items() if name in stored and value != row[name]
        } | {name: value for name, value in making.need.values.items() if name in stored and name not in key}
        updated = making.update(changed, where(key))
        if isinstance(updated, Made):
            return updated
    return None


def _is_same(making: Making, name: str, one: Value, other: Value) -> bool:
    if one == other or one is None or other is None:
        return one == other
    type_ = making.columns[name].type
    same = making.asker.look(
        f"select {literal(one)}::{type_} is not distinct from {literal(other)}::{type_} as same"
    )
    return bool(same.rows and same.rows[0]["same"])
