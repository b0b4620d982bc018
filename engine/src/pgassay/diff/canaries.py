"""Texts in others' rows that nobody else has: a message or answer that says one tells of others. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.inventory import follow
from pgassay.catalog.literals import find_marked
from pgassay.catalog.model import Column
from pgassay.diff.calls import CallContext, make_calls
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import OF_WRITES, Neighbourhood, find_called, texts_of
from pgassay.diff.probes import Canary, SearchProbe, find_values, probe_insert, probe_update
from pgassay.diff.secrets import is_telling
from pgassay.matrix import statements
from pgassay.matrix.model import RowClass
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import TEXTS, literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona

_PLATFORM = ("auth", "storage", "realtime")  # whose tables are not the owner's
_CANARY = "canary "
_LETTERS = 6
_DOCUMENTS = ("json", "jsonb")
_COLUMNS, _COLUMNS_APART = 6, 3
_CALLS, _CALLS_APART = 8, 1  # experiments


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A column that has in each row a text of whoever the row is, as another column says."""

    sample: Sample
    column: Column
    owner: Column

    @property
    def setup(self) -> tuple[str, ...]:
        """What the owner of the table does: without triggers, which keep things as they are."""
        text = f"{literal(_CANARY)} || left({self.owner.quoted}::text, {_LETTERS})"
        if self.column.base in _DOCUMENTS:
            text = f"jsonb_build_object('pgassay', {text})::{self.column.base}"
        table = self.sample.table.name
        return (
            f"alter table {table} disable trigger user",
            f"update {table} set {self.column.quoted} = {text}",
            f"alter table {table} enable trigger user",
        )

    def text_of(self, row: Row) -> str:
        """What it has in a row."""
        text = f"{_CANARY}{(row.values[self.owner.name] or '')[:_LETTERS]}"
        return json.dumps({"pgassay": text}) if self.column.base in _DOCUMENTS else text

    def for_others(self, persona: Persona) -> Iterator[Canary]:
        """The texts of everybody else."""
        owners = {row.values[self.owner.name] or "" for row in self.sample.rows} - {persona.id, ""}
        for owner in sorted(owners):
            value = f"{_CANARY}{owner[:_LETTERS]}"
            where = f"position({literal(value)} in {self.column.quoted}::text) > 0"
            yield Canary(value=value, reading=f"select from {self.sample.table.name} where {where}")

    def __str__(self) -> str:
        text = f"{literal(_CANARY)} and the first letters of {self.owner.quoted}"
        return f"{text} as {self.column.quoted} in all rows of {self.sample.object}"


def try_canaries(
    around: Iterable[Neighbourhood],
    changes: Iterable[SchemaChange],
    context: CallContext,
    personas: Sequence[Persona],
    *,
    empty: bool,
) -> Iterator[Experiment]:
    """Writes and calls where functions are others, with texts in columns that those name.

    In all that nobody has filled in, if `empty`; else in each other one: others may have there what one has.
    """
    called = tuple(change for change in changes if change.key.kind in OF_WRITES)
    sides = (context.head, context.base)
    functions = find_called(called, *sides)
    marked = find_marked(*(texts_of(called, side) for side in sides))
    near = frozenset(name for side in sides for one in functions for name in follow(side.needs, one))
    samples = [sample for sample in context.samples if sample.table.name in near]
    filled = tuple(islice(fill(samples, marked, empty=empty), _COLUMNS if empty else _COLUMNS_APART))
    fillings = [filled] if empty and filled else [(one,) for one in filled]
    if not fillings:
        return
    writes = [
        tuple(probe for subject in make_subjects([one.sample], personas) for probe in write_own(subject))
        for one in around
        if {*one.changes} & {*called} and one.sample.table.stored
    ]
    calls = [
        one.attempts
        for one in islice(make_calls(called, context, personas), _CALLS if empty else _CALLS_APART)
    ]
    for some in fillings:
        setup = tuple(text for one in some for text in one.setup)
        given = " and ".join(map(str, some))
        for probes in (*writes, *calls):
            attempts = tuple(watch(probe, some) for probe in probes)
            if attempts:
                yield Experiment(changes=called, attempts=attempts, setup=setup, given=given)


def fill(samples: Iterable[Sample], marked: Collection[str], *, empty: bool | None) -> Iterator[Filled]:
    """Columns that are marked, in which no row has a text that tells whose it is; else the others; or all."""
    for sample in samples:
        table = sample.table
        owners = sorted(sample.ownership.direct) if sample.ownership else []
        if not table.stored or table.schema in _PLATFORM or not owners:
            continue
        for column in (one for one in sample.columns if one.name in marked and _takes_text(one)):
            if empty is None or empty is not _is_filled(sample, column):
                yield Filled(sample=sample, column=column, owner=table.columns[owners[0]])


def _is_filled(sample: Sample, column: Column) -> bool:
    """Whether a row has a text there that tells whose it is; a document says little of that."""
    texts = [row.values[column.name] or "" for row in sample.rows if column.base not in _DOCUMENTS]
    return any(map(is_telling, texts))


def _takes_text(column: Column) -> bool:
    return column.base in (*TEXTS, *_DOCUMENTS) and not column.labels and not column.generated


def write_own(subject: Subject) -> Iterator[SearchProbe]:
    """One's own rows with other values, and again: a new one may be told what stands in others."""
    left = tuple(find_values(subject))
    for row in subject.rows.get(RowClass.OWN, ()):
        yield from _update(subject, row.changed, subject.where(row))
        alone = replace(subject, sample=replace(subject.sample, rows=(row,)))
        yield from (replace(one, values=left) for one in islice(probe_insert(alone), 1))


def _update(subject: Subject, values: Mapping[str, str | None], where: str) -> Iterator[SearchProbe]:
    held = subject.privileges.update & subject.table.updatable
    for column in (one for one in subject.sample.columns if one.name in held):
        texts: Sequence[str | None] = column.labels or [values[column.name]]
        for text in texts if "update" in subject.table.writable else ():
            statement = statements.update(subject.table, column.name, literal(text), where=where)
            yield probe_update(subject, (column.name,), statement)


def watch(probe: SearchProbe, filled: Iterable[Filled]) -> SearchProbe:
    """The probe, in whose answers the texts of everybody else are looked for."""
    persona = probe.witness.persona
    return replace(probe, canaries=tuple(canary for one in filled for canary in one.for_others(persona)))
