"""Calls with a negative number, which give what the same call with a positive one takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, look_new, make_calls, samples_of
from pgassay.audit.model import ROWS, Step, Steps
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import given_row, owner_columns
from pgassay.catalog.model import Column, Function
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, NUMBERS
from pgassay.observation import Persona

_LISTS = 8
ENOUGH = 100000
STEP = 7


@dataclass(frozen=True, kw_only=True)
class Sign:
    """A number of a row of the caller's own, and the steps that show it growing."""

    sample: Sample
    column: str
    steps: Steps


def find_sign(scene: Scene, persona: Persona, function: Function) -> Sign | None:
    """Of a number that the caller may not change itself."""
    if function.volatility != "v" or not any(type_ in NUMBERS for type_ in function.types):
        return None
    for sample in samples_of(scene, function):
        for column in number_columns(sample, persona):
            setup = _setup(sample, persona, column)
            with scene.session.undone():
                if all(run(scene.session, None, text) for text in setup):
                    call = _turning(scene, persona, function, sample, column)
                else:
                    call = None
            if call:
                own = own_condition(sample, persona)
                more = f"select 1 from {sample.table.name} as t where {own} and t.{column.quoted} > {ENOUGH}"
                steps = (
                    *(Step(statement=text) for text in setup),
                    Step(who=persona, statement=call.statement),
                    Step(statement=more, shows=ROWS),
                )
                return Sign(sample=sample, column=column.name, steps=steps)
    return None


def number_columns(sample: Sample, persona: Persona) -> list[Column]:
    """Numbers of tables with one row for each user, in columns that the caller may not change."""
    table = sample.table
    single = any(set(index.columns) <= owner_columns(sample) for index in table.unique)
    if not single or sample.object != table.name:
        return []
    held = table.privileges[persona.role]
    may = any(p.command in ("update", "all") for p in held.policies) or not table.secured
    keys = {name for index in table.unique for name in index.columns}
    return [
        c
        for c in table.columns.values()
        if c.base in NUMBERS and c.name not in keys and not c.generated
        if not (may and c.name in held.update)
    ]


def _setup(sample: Sample, persona: Persona, column: Column) -> tuple[str, ...]:
    """A row of the caller's own with enough in it."""
    enough = f"update {sample.table.name} set {column.quoted} = {ENOUGH}"
    has = any(persona.id in row.owners for row in sample.rows)
    given = None if has else given_row(sample, persona)
    return (given, enough) if given else (enough,)


def _turning(
    scene: Scene, persona: Persona, function: Function, sample: Sample, column: Column
) -> Call | None:
    for some in _lists(scene, function):
        for place, type_ in enumerate(function.types):
            if type_ not in NUMBERS:
                continue
            calls = [
                Call(
                    function=function, arguments=(*some[:place], str(n), *some[place + 1 :]), persona=persona
                )
                for n in (STEP, -STEP)
            ]
            grown = [
                _grown(sample, column, persona, answer.rows[2]) if not answer.sqlstate else 0
                for _, answer in make_calls(scene, persona, calls, AS_OWNER, look_new(sample))
            ]
            if len(grown) == len(calls) and grown[0] < 0 < grown[1]:
                return calls[1]
    return None


def _lists(scene: Scene, function: Function) -> Iterator[tuple[str | None, ...]]:
    """Such as differ in more than numbers."""
    seen: set[tuple[str | None, ...]] = set()
    for some in argument_lists(scene, function):
        rest = tuple(a for a, type_ in zip(some, function.types, strict=True) if type_ not in NUMBERS)
        if rest not in seen and len(seen) < _LISTS:
            seen.add(rest)
            yield some


def _grown(
    sample: Sample, column: Column, persona: Persona, new: tuple[tuple[str | None, ...], ...]
) -> float:
    """By how much the caller's own number is more than it was."""
    for *_, document in new:
        values = json.loads(document or "{}")
        if any(values.get(name) == persona.id for name in owner_columns(sample)):
            return float(values[column.name] or 0) - ENOUGH
    return 0
