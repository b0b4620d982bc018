"""A call that keeps that it was done, and pays all the same when it is repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import NUMBERS
from pgassay.observation import Persona

Looked = list[tuple[str | None, ...]]
_Key = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Paid:
    """A number of the caller's own row that grew twice; `record` has the row that says that it was done."""

    sample: Sample
    key: _Key
    column: str
    twice: float
    record: Sample


def paid_again(
    samples: Sequence[Sample],
    persona: Persona,
    prepared: Sequence[Looked],
    once: Sequence[Looked],
    twice: Sequence[Looked],
) -> Paid | None:
    """By what was written before, after one call and after two, of each table.

    The first call enters a row which the second leaves as it is, or finds there: whoever calls again does not
    mean another one. A number that falls is a price.
    """
    record = next(
        (s for s, *some in zip(samples, prepared, once, twice, strict=True) if _is_record(s, *some)), None
    )
    if record is None:
        return None
    grown = [
        (sample, *found)
        for sample, before, first, second in zip(samples, prepared, once, twice, strict=True)
        if sample is not record
        for found in _changed(sample, (before, first, second))
    ]
    if any(step < 0 for *_, step in grown):
        return None
    for sample, row, column, value, _ in grown:
        if persona.id in json.loads(row[-1] or "{}").values():
            return Paid(sample=sample, key=row[:-1], column=column, twice=value, record=record)
    return None


def _is_record(sample: Sample, before: Looked, first: Looked, second: Looked) -> bool:
    """Whether the first call enters one row, and the second no other, nor another number in it."""
    there = {row.key for row in sample.rows} | {row[:-1] for row in before}
    new, again = (
        {r[:-1]: _numbers(sample, r) for r in some if r[:-1] not in there} for some in (first, second)
    )
    return len(new) == 1 and new == again


def _changed(
    sample: Sample, looks: tuple[Looked, Looked, Looked]
) -> Iterator[tuple[tuple[str | None, ...], str, float, float]]:
    """Numbers that both calls change alike: of which row, what they come to, and by how much."""
    before, first = ({row[:-1]: _numbers(sample, row) for row in some} for some in looks[:2])
    for row in looks[2]:
        now, key = _numbers(sample, row), row[:-1]
        old = next((one for one in sample.rows if one.key == key), None)
        start = before.get(key) or (_values(sample, old.values) if old else {})
        for column, value in now.items():
            middle = first.get(key, {}).get(column, value)
            step = value - middle
            if step and step == middle - start.get(column, 0.0):
                yield row, column, value, step


def _numbers(sample: Sample, row: tuple[str | None, ...]) -> Mapping[str, float]:
    return _values(sample, json.loads(row[-1] or "{}"))


def _values(sample: Sample, values: Mapping[str, object]) -> Mapping[str, float]:
    return {
        c.name: float(str(value))
        for c in sample.table.columns.values()
        if c.base in NUMBERS and c.name not in sample.key and (value := values.get(c.name)) is not None
    }
