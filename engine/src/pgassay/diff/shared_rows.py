"""The rows that both sides have, and what of them each load draws anew. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from pgassay.matrix.rows import Sample

# What a load of the world makes anew, as a rule.
_DRAWN = ("uuid", "timestamptz", "timestamp")
_UUID = "uuid"


def find_shared(base: Sequence[Sample], head: Sequence[Sample]) -> list[Sample]:
    """HEAD's, with the columns that BASE has too, and the rows, by their key or else by what they hold."""
    there = {sample.object: sample for sample in base}
    return [_common(there[sample.object], sample) if sample.object in there else sample for sample in head]


def _common(theirs: Sample, ours: Sample) -> Sample:
    """A key that was drawn anew, with every load of the world, names no row that both have."""
    ours = replace(ours, columns=tuple(one for one in ours.columns if one.name in theirs.table.columns))
    for key in dict.fromkeys((ours.key, *_names(ours))):
        keys = [_keys(sample, key) for sample in (theirs, ours)]
        both = set(keys[0]) & set(keys[1])
        if both and len(set(keys[1])) == len(keys[1]):
            rows = zip(keys[1], ours.rows, strict=True)
            return replace(ours, key=key, rows=tuple(replace(row, key=k) for k, row in rows if k in both))
    return replace(ours, rows=())


def _names(sample: Sample) -> Iterator[tuple[str, ...]]:
    """One or two columns whose values may tell rows apart, and are the same in every database."""
    columns = [c.name for c in sample.table.columns.values() if c.comparable and c.base not in _DRAWN]
    for size in (1, 2):
        yield from combinations(columns, size)


def _keys(sample: Sample, key: tuple[str, ...]) -> list[tuple[str | None, ...]]:
    if key == sample.key:
        return [row.key for row in sample.rows]
    return [tuple(row.values.get(name) for name in key) for row in sample.rows]


def find_drawn(base: Sequence[Sample], head: Sequence[Sample]) -> Iterator[tuple[str, str]]:
    """For each uuid that is drawn for a row of HEAD, the one of the same row in BASE."""
    there = {sample.object: sample for sample in base}
    for ours in head:
        if theirs := there.get(ours.object):
            for column in _find_ids(ours):
                yield from _match(theirs, ours, column)


def _find_ids(sample: Sample) -> list[str]:
    """The columns of uuids of which each row has another, and that are drawn where nobody says any."""
    table = sample.table
    unique = {index.columns[0] for index in table.unique if len(index.columns) == 1}
    columns = (table.columns[name] for name in sorted(unique) if name in table.columns)
    return [c.name for c in columns if c.base == _UUID and c.has_default and table.stored]


def _match(theirs: Sample, ours: Sample, column: str) -> Iterator[tuple[str, str]]:
    """By the first key that tells rows apart and that both have."""
    for key in dict.fromkeys((ours.key, *_names(ours))):
        if column in key or not theirs.table.columns.keys() >= {*key, column}:
            continue
        named, known = (
            dict(zip(_keys(sample, key), (row.values[column] for row in sample.rows), strict=True))
            for sample in (ours, theirs)
        )
        if len(named) == len(ours.rows) and len(known) == len(theirs.rows) and named.keys() & known.keys():
            pairs = ((value, known.get(name)) for name, value in named.items())
            yield from ((value, other) for value, other in pairs if value and other and value != other)
            return
