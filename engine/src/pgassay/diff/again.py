"""Rows of somebody's written again, or moved to another state; and many rows like one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice

from pgassay.catalog.model import Column
from pgassay.catalog.names import quoted
from pgassay.diff.probes import SearchProbe, probe_insert, probe_update
from pgassay.matrix.model import RowClass
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import literal
from pgassay.matrix.subject import Subject

_FAR = 70_000_000


def inserts(subject: Subject, values: Mapping[str, str]) -> Iterator[SearchProbe]:
    """One's own rows again, with these values."""
    owning = subject.sample.ownership.columns if subject.sample.ownership else frozenset()
    unique = {name for index in subject.table.unique for name in index.columns} - owning
    empty = {n: None for n in unique if not subject.table.columns[n].not_null}
    for row in first_of_each(subject.sample, subject.rows.get(RowClass.OWN, ())):
        if values.keys() <= subject.privileges.insert:
            copy = replace(
                row, values={**row.values, **empty, **values}, changed={**row.changed, **empty, **values}
            )
            alone = replace(subject, sample=replace(subject.sample, rows=(copy,)))
            yield from islice(probe_insert(alone), 1)


def moves(subject: Subject, values: Mapping[str, str], *, of: str = "") -> Iterator[SearchProbe]:
    """Rows step to each other label, with these values; one's own, or those `of` somebody."""
    table, held = subject.table, subject.privileges.update & subject.table.updatable
    owner = of or subject.persona.id
    rows = [row for row in subject.sample.rows if owner in row.owners]
    if "update" not in table.writable or not values.keys() <= held:
        return
    for column in (c for c in subject.sample.columns if c.labels and c.name in held):
        for row in rows:
            for label in (label for label in column.labels if label != row.values[column.name]):
                sets = {**values, column.name: label}
                text = ", ".join(f"{quoted(name)} = {literal(value)}" for name, value in sets.items())
                statement = f"update {table.name} set {text} where {subject.where(row)}"
                yield probe_update(subject, sets, statement)


def copy(sample: Sample, row: Row, number: int) -> tuple[str, ...]:
    """So many rows like one, without triggers; what names a row is drawn anew, or another for each."""
    table = sample.table
    owning = sample.ownership.columns if sample.ownership else frozenset()
    unique = {name for index in table.unique for name in index.columns} - owning
    columns = [c for c in table.columns.values() if not c.generated and not c.identity]
    named = [c for c in columns if c.name in unique and c.not_null and not c.has_default]
    copied = [c.name for c in columns if c.name not in unique and row.values.get(c.name) is not None]
    same = [literal(row.values[name]) for name in copied]
    values = (f"({', '.join([*(literal(_name(c, n)) for c in named), *same])})" for n in range(number))
    names = ", ".join(map(quoted, [*(c.name for c in named), *copied]))
    return (
        f"alter table {table.name} disable trigger user",
        f"insert into {table.name} ({names}) values {', '.join(values)}",
        f"alter table {table.name} enable trigger user",
    )


def _name(column: Column, number: int) -> str:
    """What no other row is called by, as a rule."""
    text = str(_FAR + number)
    return f"{_FAR:08}-0000-4000-8000-{number:012}" if column.base == "uuid" else text


def first_of_roles(subjects: Iterable[Subject]) -> list[Subject]:
    """One user of each role who has rows: others would do the same."""
    found: dict[str, Subject] = {}
    for one in subjects:
        if one.persona.id and one.rows.get(RowClass.OWN):
            found.setdefault(one.persona.role, one)
    return [*found.values()]


def first_of_each(sample: Sample, rows: Iterable[Row]) -> list[Row]:
    """One row of each label that it may have."""
    labelled = [column.name for column in sample.columns if column.labels]
    return list({tuple(row.values[name] for name in labelled): row for row in rows}.values())
