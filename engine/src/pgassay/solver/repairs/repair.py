"""What to do about a refusal: its SQLSTATE, constraint and column say what to repair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pgassay.catalog.model import Constraint
from pgassay.observation import Attempt
from pgassay.solver import parents
from pgassay.solver.model import Made, Unreached
from pgassay.solver.partitions import with_partitions
from pgassay.solver.repairs.checks import satisfy_checks
from pgassay.solver.repairs.duplicates import part_duplicates, part_overlaps
from pgassay.solver.repairs.triggers import persuade

if TYPE_CHECKING:
    from pgassay.solver.rows import Making


def repair(making: Making, attempt: Attempt) -> Made | Unreached | None:
    """What comes of a refusal: a row after all, the end, or None for another try."""
    found = _REPAIRED.get(attempt.sqlstate)
    tables = {one.relation for one in with_partitions(making.schema, making.table)}
    if attempt.table and attempt.table not in tables:
        found = None  # a trigger's own statement was refused
    if found is None or (attempt.sqlstate == "23514" and not _has_check(making, attempt)):
        return persuade(making, attempt)
    return found(making, attempt)


def _has_check(making: Making, attempt: Attempt) -> bool:
    """Whether it is one of the table's own, and not a trigger that says so."""
    named = {one.name for one in making.schema.catalog.of(Constraint) if one.type == "c"}
    return attempt.constraint in named if attempt.constraint else bool(attempt.table)


def _fill_null(making: Making, attempt: Attempt) -> Made | Unreached | None:
    column = making.columns.get(attempt.column)
    if making.values.get(attempt.column) is not None:  # a trigger took it away
        return persuade(making, attempt)
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
                return parent if making.solutions is None else satisfy_checks(making, attempt) and parent
            return None
    return making.refused_by(attempt)


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


_REPAIRED: Mapping[str, Callable[[Making, Attempt], Made | Unreached | None]] = {
    "23502": _fill_null,
    "23503": _fill_parent,
    "23505": part_duplicates,
    "23514": satisfy_checks,
    "23P01": part_overlaps,
    "22003": _small,
}
