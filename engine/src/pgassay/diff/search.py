"""Search around a change that opened nothing in the world at hand, before saying that it opens nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations, zip_longest

import psycopg

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.tables import Surface, Table, read_surface
from pgassay.database import Session
from pgassay.database.pipeline import Answer, fly, savepoint
from pgassay.diff.calls import CallContext, make_calls
from pgassay.diff.difference import AccessChange
from pgassay.diff.experiments import (
    Experiment,
    Neighbourhood,
    SearchProbe,
    find_neighbourhoods,
    make_experiments,
)
from pgassay.diff.loaded import LoadedSide
from pgassay.matrix.model import Action, Direction
from pgassay.matrix.rows import Sample, read_samples
from pgassay.matrix.statements import become
from pgassay.observation import Persona

# What a load of the world makes anew, as a rule.
_DRAWN = ("uuid", "timestamptz", "timestamp")
_AS_OWNER = ("set local role none",)
_NO_PRIVILEGE = "42501"
_NO_SUCH_KEY = "23503"
_NO_SUCH_FUNCTION = "42883"  # what a new one lets people do, the matrix says
_ABSENT = dict.fromkeys(("3F000", "42P01"), "not there")  # the schema, the table
_FIRST = 2  # statements, by which the persona becomes itself


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """How many statements were tried in both schemas, and the first that HEAD lets do more than BASE.

    `notes`: what could not be searched, and why.
    """

    tried: int = 0
    found: tuple[AccessChange, ...] = ()
    notes: tuple[str, ...] = ()


def explore(
    base: LoadedSide, head: LoadedSide, changes: Sequence[SchemaChange], *, seconds: float
) -> SearchResult:
    """Try the same statements on both sides until `seconds` are over or one is let through in HEAD only.

    The order is the same in every run; how far it gets is a matter of time.
    """
    ends = time.monotonic() + seconds
    tried = 0
    surface, theirs = _surface(head), _surface(base)
    ours = _samples(head, surface)
    samples = _shared(_samples(base, theirs), ours)
    tables = theirs.by_name
    around = list(find_neighbourhoods(changes, samples, base=base.inventory, head=head.inventory))
    context = CallContext(surface=surface, samples=samples, base=base.inventory, head=head.inventory)
    notes = tuple(_skipped(ours, around))
    with ThreadPoolExecutor(2) as pool:
        for experiment in _take_turns(around, make_calls(changes, context, head.personas), head.personas):
            if time.monotonic() > ends:
                break
            before, after = pool.map(_run, (base.session, head.session), (experiment, experiment))
            tried += len(before)
            for attempt, *answers in zip(experiment.attempts, before, after, strict=False):
                if _is_comparable(experiment, answers[0]) and (
                    _opens(tables, attempt, *answers) or _is_wider(*answers)
                ):
                    found = _tell(experiment, attempt, *answers)
                    return SearchResult(tried=tried, found=(found,), notes=notes)
    return SearchResult(tried=tried, notes=notes)


def _take_turns(
    around: Iterable[Neighbourhood], calls: Iterator[Experiment], personas: Sequence[Persona]
) -> Iterator[Experiment]:
    """Of all objects in turn, so that none waits for the end of another's variations."""
    in_turn = zip_longest(*(make_experiments(one, personas) for one in around), calls)
    return (experiment for some in in_turn for experiment in some if experiment is not None)


def _surface(side: LoadedSide) -> Surface:
    return read_surface(side.session, roles=[persona.role for persona in side.personas])


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


def _run(session: Session, experiment: Experiment) -> list[Answer]:
    """The answers to all attempts; none where the owner could not make the row, which may not exist there."""
    attempts = [
        (*become(one.witness.persona), one.witness.statement, *(_AS_OWNER if one.looks else ()), *one.looks)
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


def _is_comparable(experiment: Experiment, before: Answer) -> bool:
    """Not where BASE misses what HEAD's row refers to, by a key that was drawn anew, or the function."""
    is_constraint = any(change.key.kind == "constraint" for change in experiment.changes)
    if before.sqlstate == _NO_SUCH_FUNCTION:
        return False
    return before.sqlstate != _NO_SUCH_KEY or is_constraint


def _opens(tables: Mapping[str, Table], attempt: SearchProbe, before: Answer, after: Answer) -> bool:
    """Whether HEAD would show any row that there may be, where BASE has a guard or no such table.

    `tables` and views of BASE may keep their rows from a persona, if they have any.
    """
    table = tables.get(attempt.key.table)
    if not attempt.bare or after.sqlstate:
        return False
    if table is None or before.sqlstate == _NO_PRIVILEGE:
        return True
    open_before = table.privileges[attempt.witness.persona.role].reads_all
    return not before.sqlstate and (table.invoker or not open_before)


def _is_wider(before: Answer, after: Answer) -> bool:
    """Whether HEAD lets the statement reach more rows, or lets more writes stay."""
    return any(new > old for old, new in zip_longest(_found(before), _found(after), fillvalue=0))


def _found(answer: Answer) -> list[int]:
    """How many rows the persona's own statement reached, then the owner's looks; 0 if it was refused."""
    own, *looks = answer.counts[_FIRST:] or (0,)
    return [own, *looks[len(_AS_OWNER) :]]


def _tell(experiment: Experiment, attempt: SearchProbe, before: Answer, after: Answer) -> AccessChange:
    key = attempt.key
    (old, *less), (new, *more) = _found(before), _found(after)
    stays = new <= old and not before.sqlstate
    grown = [there > was for there, was in zip_longest(more, less, fillvalue=0)] if stays else []
    was = f"refused, {before.sqlstate}" if before.sqlstate else "put back by a trigger" if stays else f"{old}"
    columns = f" {key.variant} of" if key.variant != "-" else ""
    given = " and ".join(text for text in (experiment.given, attempt.given) if text)
    of_which = f"{new} of the rows of {key.object}{' for good' if stays else ''}"
    if attempt.bare and not new:
        of_which = f"any row of {key.object} that there may be"
        was = _ABSENT.get(before.sqlstate, was if before.sqlstate else "filtered")
    if key.action is Action.EXECUTE:
        of_which = f"{key.object} to {'write more' if stays else f'get {new} of its rows'}"
        was = "less" if stays else was
    deed = f"{key.action.value.upper()}{columns} {of_which} (was: {was})"
    message = f"{key.persona} can now {deed}{f', given {given}' if given else ''}. Found by search."
    is_new = SchemaChange(kind=ChangeKind.ADDED, key=ObjectKey("relation", key.table, ""))
    causes = (is_new,) if is_new in experiment.changes else experiment.changes
    return AccessChange(
        direction=Direction.GAINED,
        message=" ".join([message, *map(str, causes[:2])]),
        witness=attempt.witness,
        setup=experiment.setup,
        looks=tuple(look for look, more in zip(attempt.looks, grown, strict=False) if more),
        before=was,
        after=str(new),
        causes=causes,
    )
