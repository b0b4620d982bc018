"""Search around a change that opened nothing in the world at hand, before saying that it opens nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, combinations, zip_longest

import psycopg

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.tables import Surface
from pgassay.database import Session
from pgassay.database.pipeline import Answer, fly, savepoint
from pgassay.diff.calls import CallContext, make_calls
from pgassay.diff.difference import AccessChange
from pgassay.diff.experiments import (
    Experiment,
    Neighbourhood,
    find_neighbourhoods,
    make_experiments,
)
from pgassay.diff.judgement import AS_OWNER, Judge, find_secrets, tell, tell_opening
from pgassay.diff.loaded import LoadedSide
from pgassay.diff.platform_attempts import try_platform
from pgassay.diff.solving import Solving
from pgassay.diff.writes import try_writes
from pgassay.matrix.rows import Sample, read_samples
from pgassay.matrix.statements import become
from pgassay.observation import Persona

# What a load of the world makes anew, as a rule.
_DRAWN = ("uuid", "timestamptz", "timestamp")
_FOREIGN = "FOREIGN KEY"
_NO_SUCH_KEY = "23503"
_OF_A_VALUE = "22"
_NO_SUCH_FUNCTION = "42883"  # what a new one lets people do, the matrix says
_COST_OF_A_SETUP = 3


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """How many statements were tried in both schemas, and the first that HEAD lets do more than BASE.

    `conditions`: those that differ; `unsolved`: of which of them it is not known, and why. `notes`: what
    could not be searched, and why.
    """

    tried: int = 0
    found: tuple[AccessChange, ...] = ()
    conditions: int = 0
    unsolved: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def explore(
    base: LoadedSide, head: LoadedSide, changes: Sequence[SchemaChange], *, budget: int
) -> SearchResult:
    """Try the same statements on both sides until `budget` is spent or one is let through in HEAD only.

    The same in every run: an attempt costs one, and each statement with which the owner prepares it three.
    """
    tried = spent = 0
    surface, theirs = head.read_surface(), base.read_surface()
    ours = _samples(head, surface)
    samples = _shared(_samples(base, theirs), ours)
    tables = theirs.by_name
    around = list(find_neighbourhoods(changes, samples, base=base.inventory, head=head.inventory))
    context = CallContext(surface=surface, samples=samples, base=base.inventory, head=head.inventory)
    notes = tuple(_skipped(ours, around))
    platform = try_platform(changes, ours, head.personas, base=base.inventory, head=head.inventory)
    calls = chain(platform, make_calls(changes, context, head.personas))
    judge = Judge(tables=tables, trusted=_find_trusted(head), secrets=find_secrets(samples, head.personas))
    keys = {key for key, said in base.inventory.objects.items() if _FOREIGN in said.get("definition", "")}
    solving = Solving(base, head, changes)
    experiments = chain(
        solving.experiments(samples, head.personas, budget=budget),
        try_writes(around, samples, head.personas, head.inventory),
        _take_turns(around, calls, head.personas),
    )
    found: tuple[AccessChange, ...] = ()
    with ThreadPoolExecutor(2) as pool:
        for experiment in experiments:
            if found or spent + solving.spent >= budget:
                break
            if experiment.openings:
                found = (tell_opening(experiment),)
                continue
            spent += len(experiment.attempts) + _COST_OF_A_SETUP * len(experiment.setup)
            before, after = pool.map(_run, (base.session, head.session), (_as_base(experiment), experiment))
            tried += len(before)
            for attempt, *answers in zip(experiment.attempts, before, after, strict=False):
                if _is_comparable(experiment, answers[0], keys) and judge.is_gain(attempt, *answers):
                    found = (tell(experiment, attempt, *answers),)
                    break
                judge.remember(experiment, attempt, *answers)
    if not found and (crossing := judge.find_crossing()):
        found = (tell(*crossing),)
    return SearchResult(
        tried=tried,
        found=found,
        conditions=solving.conditions,
        unsolved=tuple(solving.unsolved),
        notes=notes,
    )


def _find_trusted(head: LoadedSide) -> frozenset[str]:
    """The roles that no policy binds."""
    roles = head.inventory.roles.items()
    return frozenset(
        key.name for key, said in roles if "true" in (said.get("bypassrls"), said.get("superuser"))
    )


def _take_turns(
    around: Iterable[Neighbourhood], calls: Iterator[Experiment], personas: Sequence[Persona]
) -> Iterator[Experiment]:
    """Of all objects in turn, so that none waits for the end of another's variations."""
    in_turn = zip_longest(*(make_experiments(one, personas) for one in around), calls)
    return (experiment for some in in_turn for experiment in some if experiment is not None)


def _samples(side: LoadedSide, surface: Surface) -> tuple[Sample, ...]:
    ids = [persona.id for persona in side.personas if persona.id is not None]
    return read_samples(side.session, surface, ids=ids, overrides=side.overrides, hidden=True)


def _shared(base: Sequence[Sample], head: Sequence[Sample]) -> list[Sample]:
    """HEAD's, with the rows that BASE has too, by their key or else by what they hold."""
    there = {sample.object: sample for sample in base}
    return [_common(there[sample.object], sample) if sample.object in there else sample for sample in head]


def _common(theirs: Sample, ours: Sample) -> Sample:
    """A key that was drawn anew, with every load of the world, names no row that both have."""
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


def _skipped(ours: Iterable[Sample], around: Iterable[Neighbourhood]) -> Iterator[str]:
    """What was not searched, and why."""
    empty = {one.sample.object for one in around if not one.sample.rows and one.sample.table.truncatable}
    for sample in ours:
        if sample.object in empty:
            why = (
                "every load draws their keys anew. Give them in the world"
                if sample.rows
                else "there are none"
            )
            yield f"{sample.object} was searched without its rows: {why}."


def _as_base(experiment: Experiment) -> Experiment:
    return experiment if experiment.former is None else replace(experiment, setup=experiment.former)


def _run(session: Session, experiment: Experiment) -> list[Answer]:
    """The answers to all attempts; none where the owner could not make the row, which may not exist there."""
    attempts = [
        (
            *(*become(one.witness.persona), one.witness.statement),
            *(AS_OWNER if one.looks else ()),
            *(*one.looks, *one.values),
        )
        for one in experiment.attempts
    ]
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


def _is_comparable(experiment: Experiment, before: Answer, keys: Collection[ObjectKey]) -> bool:
    """Not where BASE misses what HEAD's row refers to, by a key that was drawn anew, or the function.

    Nor where it cannot read a value: that is no refusal.
    `keys`: the foreign keys of BASE, which HEAD may lack.
    """
    if before.sqlstate == _NO_SUCH_KEY:
        return any(change.key in keys for change in experiment.changes)
    return before.sqlstate != _NO_SUCH_FUNCTION and not before.sqlstate.startswith(_OF_A_VALUE)
