"""Writes through views, whose rules and triggers act with the rights of whoever owns them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.model import Column
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import Neighbourhood
from pgassay.diff.probes import SearchProbe, look_at_others, probe_delete, probe_update
from pgassay.diff.variations import invent_row
from pgassay.diff.weights import Scales
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona

_NOBODY = "00000000-0000-4000-8000-000000000000"
_ACTING = ("rule", "trigger")


def try_views(  # noqa: PLR0913 - by name
    around: Iterable[Neighbourhood],
    samples: Iterable[Sample],
    personas: Sequence[Persona],
    *,
    base: Inventory,
    head: Inventory,
    scales: Scales,
) -> Iterator[Experiment]:
    """All that a persona finds in a view with another value in each column, or gone; then the owner weighs.

    And looks whether rows of others were written.

    A view may show nothing to its owner, so that no row of it is known. Where nothing acts for the caller,
    he does no more than what the table itself lets him.
    """
    stored = [one for one in samples if one.table.stored]
    for one in around:
        table = one.sample.table
        if table.kind != "v" or (table.invoker and not _acts(table.name, head)):
            continue
        reach = base.reach(table.name) | head.reach(table.name)
        near, below = scales.only(reach), [sample for sample in stored if sample.table.name in reach]
        subjects = make_subjects([one.sample], personas)
        probes = (probe for subject in subjects for probe in _write(subject, near))
        attempts = tuple(
            replace(
                near.put(probe) or probe,
                looks=look_at_others(below, probe.witness.persona),
                found_more="and with it rows of others below",
            )
            for probe in probes
        )
        if attempts:
            yield Experiment(changes=one.changes, attempts=attempts)


def _acts(view: str, head: Inventory) -> bool:
    return any(key.object == view and key.kind in _ACTING for key in head.objects)


def _write(subject: Subject, near: Scales) -> Iterator[SearchProbe]:
    """Without WHERE: what the persona does not find is not written.

    First the columns that no table nearby lets it write; what names a row last.
    """
    held, writable = subject.privileges, subject.table.writable
    if "update" in writable:
        tables = [table.privileges.get(subject.persona.role) for table in near.tables]
        known = frozenset[str]().union(*(one.update for one in tables if one))
        columns = [one for one in subject.sample.columns if one.name in held.update]
        for column in sorted(columns, key=lambda one: (one.name in subject.sample.key, one.name in known)):
            for value in dict.fromkeys((_choose(subject, column), *_find_theirs(subject, column))):
                text = statements.update(subject.table, column.name, literal(value))
                yield probe_update(subject, (column.name,), text)
    if "delete" in writable and held.delete:
        yield probe_delete(subject, statements.delete(subject.table))


def _find_theirs(subject: Subject, column: Column) -> Iterator[str | None]:
    """What another's row has, where that may say whose it is: a trigger may take it for the one meant."""
    if column.base == "uuid" or column.name in subject.sample.key:
        theirs = (row for row in subject.sample.rows if subject.persona.id not in row.owners)
        yield from (row.values[column.name] for row in islice(theirs, 1))


def _choose(subject: Subject, column: Column) -> str | None:
    """Another value than a row has, or else any of the type."""
    row = next(iter(subject.sample.rows), None)
    row = row or invent_row(subject.sample, subject.persona.id or _NOBODY)
    return row.changed[column.name]
