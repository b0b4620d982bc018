"""Arguments with which a function comes to rows that are there: found in its statements by the solver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pgassay.audit.scene import Scene
from pgassay.audit.writes import owner_columns
from pgassay.catalog.model import Function
from pgassay.matrix.rows import Row, Sample
from pgassay.solver import values
from pgassay.solver.model import Value
from pgassay.solver.signatures import Parameter, read_arguments
from pgassay.solver.state import State
from pgassay.solver.uses import Use, find_uses
from pgassay.solver.writing import quote_element

_ROWS = 3  # of a table, of as many owners as there are


def solve_arguments(scene: Scene, function: Function, samples: Sequence[Sample]) -> list[dict[int, Value]]:
    """Arguments by their number from 0, those for rows of different owners apart."""
    parameters = read_arguments(function.arguments)
    if not parameters or not scene.users:
        return []
    tables = {sample.table.name: _of_owners(sample.rows) for sample in samples}
    uses = [use for use in find_uses(function, scene.solver.schema, parameters) if use.table in tables]
    found: list[dict[int, Value]] = []
    with scene.session.as_owner(), scene.session.undone():
        for number in range(_ROWS):
            for state in _states(scene, uses, tables, number):
                numbered = _numbered(parameters, state.arguments)
                found += [numbered] if numbered and numbered not in found else []
    return found


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
    scene: Scene, uses: Sequence[Use], tables: Mapping[str, Sequence[Row]], number: int
) -> Iterator[State]:
    """What all statements together ask for, then each by itself."""
    together, apart = State(), []
    for use in uses:
        for row in tables[use.table][number : number + 1]:
            together = scene.solver.meet(use, row.values, scene.users[0], together) or together
            apart.append(scene.solver.meet(use, row.values, scene.users[0], State()))
    yield from (together, *filter(None, apart))


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
