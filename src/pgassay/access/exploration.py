"""Search around a change that opened nothing in the world at hand, before saying that it opens nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest

import psycopg

from pgassay.access.catalog import read_catalog
from pgassay.access.changes import SchemaChange
from pgassay.access.diff import AccessChange
from pgassay.access.inventory import Inventory
from pgassay.access.pipeline import Answer, fly, savepoint
from pgassay.access.rows import Sample, read_samples
from pgassay.access.script import become
from pgassay.access.trials import Attempt, Experiment, Neighbourhood, find_neighbourhoods, plan_experiments
from pgassay.database import Session
from pgassay.observation import Persona


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """How many statements were tried in both schemas, and the first that HEAD lets do more than BASE.

    `unshared`: the objects whose rows could not be tried, since none is in both.
    """

    tried: int = 0
    found: tuple[AccessChange, ...] = ()
    unshared: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One of the two databases to search in: the owner's session, what its schema says, and who tries."""

    session: Session
    inventory: Inventory
    personas: tuple[Persona, ...]
    overrides: Mapping[str, str]


def explore(base: Ground, head: Ground, changes: Sequence[SchemaChange], *, seconds: float) -> Exploration:
    """Try the same statements on both sides until `seconds` are over or one is let through in HEAD only.

    The order is the same in every run; how far it gets is a matter of time.
    """
    ends = time.monotonic() + seconds
    tried = 0
    ours = _samples(head)
    samples = _shared(_samples(base), ours)
    around = list(find_neighbourhoods(changes, samples, base=base.inventory, head=head.inventory))
    unshared = _emptied(ours, around)
    with ThreadPoolExecutor(2) as pool:
        for experiment in _plan(around, head.personas):
            if time.monotonic() > ends:
                break
            before, after = pool.map(_run, (base.session, head.session), (experiment, experiment))
            tried += len(before)
            for attempt, *answers in zip(experiment.attempts, before, after, strict=False):
                if _rows(answers[1]) > _rows(answers[0]):
                    found = _tell(experiment, attempt, *answers)
                    return Exploration(tried=tried, found=(found,), unshared=unshared)
    return Exploration(tried=tried, unshared=unshared)


def _plan(around: Iterable[Neighbourhood], personas: Sequence[Persona]) -> Iterator[Experiment]:
    """Of all objects in turn, so that none waits for the end of another's variations."""
    in_turn = zip_longest(*(plan_experiments(one, personas) for one in around))
    return (experiment for some in in_turn for experiment in some if experiment is not None)


def _samples(ground: Ground) -> tuple[Sample, ...]:
    catalog = read_catalog(ground.session, roles=[persona.role for persona in ground.personas])
    ids = [persona.id for persona in ground.personas if persona.id is not None]
    return read_samples(ground.session, catalog, ids=ids, overrides=ground.overrides)


def _shared(base: Sequence[Sample], head: Sequence[Sample]) -> list[Sample]:
    """HEAD's, with the rows that BASE has too: one whose key was drawn anew is not there to be compared."""
    there = {_named(sample): {row.key for row in sample.rows} for sample in base}
    return [
        replace(sample, rows=tuple(row for row in sample.rows if row.key in there.get(_named(sample), ())))
        for sample in head
    ]


def _emptied(ours: Iterable[Sample], around: Iterable[Neighbourhood]) -> tuple[str, ...]:
    """Tables that the search is about, of whose rows none is in both databases."""
    empty = {one.sample.object for one in around if not one.sample.rows and one.sample.table.stored}
    return tuple(sample.object for sample in ours if sample.rows and sample.object in empty)


def _named(sample: Sample) -> tuple[str, tuple[str, ...]]:
    return sample.object, sample.key


def _run(session: Session, experiment: Experiment) -> list[Answer]:
    """The answers to all attempts; none where the owner could not make the row, which may not exist there."""
    attempts = [(*become(one.witness.persona), one.witness.statement) for one in experiment.attempts]
    with savepoint(session):
        try:
            for statement in experiment.setup:
                session.connection.execute(statement.encode())
        except psycopg.errors.Error:
            if session.connection.closed:
                raise
            return []
        with savepoint(session):
            return fly(session, attempts)


def _rows(answer: Answer) -> int:
    """How many rows the persona's own statement reached; 0 where it was refused."""
    return 0 if answer.sqlstate else answer.counts[-1]


def _tell(experiment: Experiment, attempt: Attempt, before: Answer, after: Answer) -> AccessChange:
    key = attempt.key
    was = f"refused, {before.sqlstate}" if before.sqlstate else f"{_rows(before)}"
    columns = f" {key.variant} of" if key.variant != "-" else ""
    given = " and ".join(text for text in (experiment.given, attempt.given) if text)
    deed = f"{key.action.value.upper()}{columns} {_rows(after)} of the rows of {key.object} (was: {was})"
    message = f"{key.persona} can now {deed}{f', given {given}' if given else ''}. Found by search."
    return AccessChange(
        message=" ".join([message, *map(str, experiment.changes[:2])]),
        cells=(),
        witness=attempt.witness,
        setup=experiment.setup,
        before=was,
        after=str(_rows(after)),
        causes=experiment.changes,
    )
