"""A call that keeps that it was done, and pays all the same when it is repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, NUMBERS, TEXTS
from pgassay.observation import Persona

Looked = list[tuple[str | None, ...]]
_Key = tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class Paid:
    """A number of the caller's own row that grew twice; `record` has the row that says so, if any does."""

    sample: Sample
    key: _Key
    column: str
    twice: float
    record: Sample | None


def paid_again(
    samples: Sequence[Sample],
    persona: Persona,
    prepared: Sequence[Looked],
    once: Sequence[Looked],
    twice: Sequence[Looked],
) -> Paid | None:
    """By what was written before, after one call and after two, of each table.

    The first call enters or marks a row which the second leaves as it is, or finds there: whoever calls again
    does not mean another one. A number that falls is a price.
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


def rewarded_again(
    samples: Sequence[Sample],
    persona: Persona,
    prepared: Sequence[Looked],
    once: Sequence[Looked],
    twice: Sequence[Looked],
) -> Paid | None:
    """Where nothing else is written than a number of the caller's own row, which he may not write himself."""
    found = [
        (sample, *one)
        for sample, *some in zip(samples, prepared, once, twice, strict=True)
        for one in _changed(sample, (some[0], some[1], some[2]))
    ]
    changed = {
        (sample.object, row[:-1])
        for sample, before, *looks in zip(samples, prepared, once, twice, strict=True)
        for rows in looks
        for row in set(rows) - set(before)
    }
    if len(found) != 1 or len(changed) != 1:
        return None
    [(sample, row, column, value, step)] = found
    held = sample.table.privileges[persona.role]
    is_own = persona.id in json.loads(row[-1] or "{}").values()
    may_write = column in held.update and any(p.command in ("update", "all") for p in held.policies)
    others = (other for other in samples if other is not sample)
    amounts = {n for other in others for one in other.rows for n in _values(other, one.values).values()}
    if step < 0 or not is_own or may_write or step not in amounts:  # what only counts calls pays nothing
        return None
    return Paid(sample=sample, key=row[:-1], column=column, twice=value, record=None)


def _is_record(sample: Sample, before: Looked, first: Looked, second: Looked) -> bool:
    """Whether the first call enters or marks one row, and the second no other, nor another number in it."""
    return _is_entered(sample, before, first, second) or _is_marked(sample, before, first, second)


def _is_marked(sample: Sample, before: Looked, first: Looked, second: Looked) -> bool:
    """Whether the first call says something in one row that is no number, and the second says it again."""
    at_first = {row.key: _words(sample, row.values) for row in sample.rows}
    at_first |= {row[:-1]: _words(sample, json.loads(row[-1] or "{}")) for row in before}
    one, other = (
        {r[:-1]: _words(sample, json.loads(r[-1] or "{}")) for r in some} for some in (first, second)
    )
    marked = [key for key, words in one.items() if key in at_first and words != at_first[key]]
    return len(marked) == 1 and all(one[key] == other.get(key) for key in marked)


def _is_entered(sample: Sample, before: Looked, first: Looked, second: Looked) -> bool:
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


def _words(sample: Sample, values: Mapping[str, object]) -> Mapping[str, str]:
    """What stands in texts, labels and truth values; of a moment whether it is there."""
    return {
        c.name: str(value)[:1].lower() if c.base == "bool" else "there" if c.base in MOMENTS else str(value)
        for c in sample.table.columns.values()
        if (c.base in (*TEXTS, *MOMENTS, "bool") or c.labels) and (value := values.get(c.name)) is not None
    }


def _numbers(sample: Sample, row: tuple[str | None, ...]) -> Mapping[str, float]:
    return _values(sample, json.loads(row[-1] or "{}"))


def _values(sample: Sample, values: Mapping[str, object]) -> Mapping[str, float]:
    return {
        c.name: float(str(value))
        for c in sample.table.columns.values()
        if c.base in NUMBERS and c.name not in sample.key and (value := values.get(c.name)) is not None
    }
