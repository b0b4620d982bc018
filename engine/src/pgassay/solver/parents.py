"""What a row refers to: the parents that are there, and those that have to be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pgassay.catalog.model import Constraint
from pgassay.catalog.names import quoted
from pgassay.solver import values
from pgassay.solver.model import RowNeed, Unreached, Value
from pgassay.solver.writing import where

if TYPE_CHECKING:
    from pgassay.solver.rows import Making


def refer(making: Making, key: Constraint, *, needed: bool = False) -> Unreached | None:
    """What a foreign key needs: the parent that is named, or one for the same purpose.

    `needed`: although its columns have defaults, which may be null, as `auth.uid()` is of no request.
    """
    given = {name: making.values[name] for name in key.columns if name in making.values} | _generated(
        making, key
    )
    if None in given.values() or not (needed or _is_needed(making, key, given)):
        return None
    if key.target_oid == making.schema.relations[making.table].oid:
        return _refer_to_self(making, key, given)
    target = key.target or ""
    wanted = {
        there: given[here]
        for here, there in zip(key.columns, key.target_columns, strict=True)
        if here in given
    }
    if len(given) == len(key.columns) and _exists(making, target, wanted):
        return None
    found = _choose(making, target, key, wanted) if not given else None
    parent = found or make_parent(making, target, key, wanted)
    if isinstance(parent, Unreached):
        return None if _leave_open(making, key, given) else parent
    for here, there in zip(key.columns, key.target_columns, strict=True):
        making.values.setdefault(here, parent[there])
    return None


def _generated(making: Making, key: Constraint) -> dict[str, Value]:
    """What columns of a key are that are generated from constants, as the kind of a row is."""
    found: dict[str, Value] = {}
    for column in (making.columns[name] for name in key.columns):
        if column.generated and column.default:
            answer = making.asker.evaluate(column.default, None, lasting=True)
            found |= {} if answer.error else {column.name: answer.value}
    return found


def _is_needed(making: Making, key: Constraint, given: Mapping[str, Value]) -> bool:
    columns = [making.columns[name] for name in key.columns]
    due = [one for one in columns if one.not_null and not one.has_default]
    return bool(due) or bool(given)


def _refer_to_self(making: Making, key: Constraint, given: Mapping[str, Value]) -> Unreached | None:
    """A row may be its own parent."""
    if len(given) == len(key.columns):
        pairs = dict(zip(key.target_columns, given.values(), strict=True))
        own = all(making.values.get(there) == value for there, value in pairs.items())
        if own or _exists(making, making.table, pairs):
            return None
        parent = make_parent(making, making.table, key, pairs)
        return parent if isinstance(parent, Unreached) else None
    for here, there in zip(key.columns, key.target_columns, strict=True):
        if there not in making.values:
            making.values[there] = making.own(making.columns[there])
        making.values.setdefault(here, making.values[there])
    return None


def _leave_open(making: Making, key: Constraint, given: Mapping[str, Value]) -> bool:
    """A key of several columns refers to nothing where one of them is null."""
    name = next(
        (name for name in key.columns if name not in given and not making.columns[name].not_null), None
    )
    if name is None or making.columns[name].generated:
        return False
    making.values[name] = None
    return True


def _exists(making: Making, table: str, wanted: Mapping[str, Value]) -> bool:
    if table in making.maker.makers and not wanted:
        return False
    return bool(making.asker.look(f"select 1 from {table} where {where(wanted)} limit 1").rows)


def _choose(
    making: Making, target: str, key: Constraint, wanted: Mapping[str, Value]
) -> dict[str, Value] | None:
    """A parent that is there, where parents are words of a list and not somebody's."""
    named = all(
        making.schema.columns(target)[name].base not in ("uuid", "int4", "int8")
        for name in key.target_columns
    )
    if not named:
        return None
    return _first(making, target, key.target_columns, wanted)


def _first(
    making: Making, table: str, names: Sequence[str], wanted: Mapping[str, Value]
) -> dict[str, Value] | None:
    shown = ", ".join(f"{quoted(name)}::text as {quoted(name)}" for name in names)
    order = ", ".join(map(quoted, names))
    condition = f" where {where(wanted)}" if wanted else ""
    rows = making.asker.look(f"select {shown} from {table}{condition} order by {order} limit 1").rows
    return dict(rows[0]) if rows else None


def make_parent(
    making: Making, target: str, key: Constraint, wanted: Mapping[str, Value]
) -> Mapping[str, Value] | Unreached:
    need = RowNeed(table=target, values=wanted, purpose=making.need.purpose, why=f"{making.table} needs it")
    if key.deferrable and target in making.maker.stack:
        return _later(making, need, key)
    made = making.maker.make(need)
    if isinstance(made, Unreached) and key.deferrable:
        promised = _later(making, need, key)
        making.after.append(replace(need, values={**wanted, **promised}))
        return promised
    if isinstance(made, Unreached):
        existing = _first(making, target, key.target_columns, wanted)
        return existing or made
    making.before += made.statements
    return made.values


def _later(making: Making, need: RowNeed, key: Constraint) -> Mapping[str, Value]:
    """Of a circle whose key is checked at the end: the parent that is being made gets this id."""
    parents = making.schema.columns(need.table)
    return {
        name: need.values.get(name)
        or values.own(parents[name].base, f"{need.table}.{name} {need.purpose}".strip())
        for name in key.target_columns
    }
