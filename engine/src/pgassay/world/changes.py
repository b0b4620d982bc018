"""Rows as an UPDATE would write them: WITH CHECK may ask what is stored, and all stored rows are as that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from pgassay.catalog.tables import Table
from pgassay.solver import values
from pgassay.solver.model import Value

_OTHERS = 2  # values of a column that no row has


def changes(
    table: Table, rows: Sequence[Mapping[str, Value]], words: Collection[str]
) -> Iterator[Mapping[str, Value]]:
    """Rows with another value in one column of `words`, no key: one that another row has, or a new one."""
    for row in rows:
        for name, column in table.columns.items():
            if name in words and not column.primary and not column.generated:
                there = dict.fromkeys(other[name] for other in rows if other[name] != row[name])
                new = values.others(row[name], column.base, labels=column.labels)
                for value in [*there, *_first(new)]:
                    yield {**row, name: value}


def _first(new: Iterator[str]) -> Iterator[str]:
    return (value for _, value in zip(range(_OTHERS), new, strict=False))
