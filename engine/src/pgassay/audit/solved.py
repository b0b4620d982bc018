"""Arguments with which a function comes to rows that are there: found in its statements by the solver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pgassay.audit.scene import Scene, Solved
from pgassay.audit.writes import naming_columns, owner_columns
from pgassay.catalog.model import Function
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.solver import values
from pgassay.solver.model import Value
from pgassay.solver.signatures import Parameter, read_arguments
from pgassay.solver.state import State
from pgassay.solver.uses import Use, find_uses
from pgassay.solver.writing import quote_element

_ROWS = 3  # of a table, of as many owners as there are


def solve_arguments(scene: Scene, function: Function, samples: Sequence[Sample]) -> list[Solved]:
    """Those for rows of different owners apart, and those for rows as they are first."""
    parameters = read_arguments(function.arguments)
    if not parameters or not scene.users:
        return []
    tables: dict[str, list[Sample]] = {}
    for sample in samples:
        tables.setdefault(sample.table.name, []).append(sample)  # one for each bucket
    uses = [use for use in find_uses(function, scene.solver.schema, parameters) if use.table in tables]
    found: list[Solved] = []
    with scene.session.as_owner(), scene.session.undone():
        for number in range(_ROWS):
            for state, sample, row in _states(scene, uses, tables, number):
                numbered = _numbered(parameters, state.arguments)
                one = Solved(arguments=numbered, **_changes(state, sample, row))
                found += [one] if (numbered or one.setup) and one not in found else []
    return sorted(found, key=lambda one: bool(one.setup))


def _changes(state: State, sample: Sample, row: Row) -> dict[str, Any]:
    """How the row becomes what the state says of it."""
    said = state.columns(state.rows[0]) if state.rows else {}
    new = {name: value for name, value in said.items() if value != row.values.get(name)}
    if not new:
        return {}
    sets = ", ".join(f"{sample.table.columns[name].quoted} = {literal(value)}" for name, value in new.items())
    text = f"update {sample.table.name} set {sets} where {condition(sample.key, row.key)}"
    return {"setup": (text,), "changed": frozenset((sample.table.name, name) for name in new)}


def _plain_columns(sample: Sample) -> frozenset[str]:
    """Those that name neither the row nor anybody."""
    fixed = naming_columns(sample)
    return frozenset(c.name for c in sample.table.columns.values() if not c.generated) - fixed


def spell_rows(samples: Sequence[Sample], type_: str) -> Iterator[str]:
    """Rows of the table of this type, with other values wherever nothing tells a row by them."""
    for sample in samples:
        if sample.table.relation == type_:
            for row in _of_owners(sample.rows)[:_ROWS]:
                yield f"({','.join(_spell_field(value) for value in _changed(sample, row))})"


def _changed(sample: Sample, row: Row) -> Iterator[Value]:
    fixed = {*sample.key, *owner_columns(sample)}
    fixed |= {name for key in sample.table.foreign_keys for name in key.columns}
    for column in sample.table.columns.values():
        value = row.values.get(column.name)
        others = values.others(value, column.base, labels=column.labels)
        yield value if column.name in fixed else next(iter(others), value)


def _spell_field(value: Value) -> str:
    return "" if value is None else quote_element(value)


def _states(
    scene: Scene, uses: Sequence[Use], tables: Mapping[str, Sequence[Sample]], number: int
) -> Iterator[tuple[State, Sample, Row]]:
    """What all statements together ask for, then each by itself, with a row that it is about."""
    together, apart = State(), []
    about: tuple[Sample, Row] | None = None
    for use in uses:
        for sample, row in (
            (s, r) for s in tables[use.table] for r in _of_owners(s.rows)[number : number + 1]
        ):
            found = scene.solver.meet(use, row.values, scene.users[0], together)
            together, about = (found, (sample, row)) if found else (together, about)
            changing = _plain_columns(sample)
            one = scene.solver.meet(use, row.values, scene.users[0], State(), changing=changing)
            apart += [(one, sample, row)] if one else []
    if about:
        yield together, *about
    yield from apart


def _of_owners(rows: Sequence[Row]) -> list[Row]:
    """One of each owner first."""
    first = {row.owners: row for row in reversed(rows)}
    return [*reversed(first.values()), *(row for row in rows if first[row.owners] is not row)]


def _numbered(parameters: Sequence[Parameter], arguments: Mapping[str, Value]) -> dict[int, Value]:
    names = [one.name or f"${number}" for number, one in enumerate(parameters, start=1)]
    return {
        number: _spelled(one, arguments[name])
        for number, (one, name) in enumerate(zip(parameters, names, strict=True))
        if name in arguments
    }


def _spelled(parameter: Parameter, value: Value) -> Value:
    """What is variadic is passed one by one."""
    if parameter.variadic and value and value.startswith("{"):
        return value[1:-1].strip('"')
    return value
