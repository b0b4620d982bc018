"""Calls of functions for rows that are there, once and twice; then the owner weighs what they left. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from pgassay.catalog.compare import SchemaChange
from pgassay.catalog.literals import find_literals
from pgassay.diff.call_probes import find_near, probe_call, repeated
from pgassay.diff.calls import CallContext, CalledFunction, find_callable, spell_argument
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import bodies
from pgassay.diff.probes import SearchProbe
from pgassay.diff.row_arguments import fit_rows, write_rows
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona
from pgassay.solver.signatures import read_arguments

_OF_CHANGED, _OF_OTHERS = 40, 12  # lists of arguments
_PATHS = 6
_POPULATING = frozenset(
    {"jsonb_populate_record", "json_populate_record", "jsonb_to_record", "json_to_record"}
)


def fit_calls(
    changes: Iterable[SchemaChange], context: CallContext, personas: Sequence[Persona]
) -> Iterator[Experiment]:
    """One experiment for each function that a change may have to do with; by one caller of each role."""
    for one in find_callable(changes, context, personas):
        is_changed = any(change.key.object == one.function.object for change in one.changes)
        attempts = tuple(_call(one, context, _OF_CHANGED if is_changed else _OF_OTHERS))
        if attempts:
            yield Experiment(changes=one.changes, attempts=attempts)


def _call(called: CalledFunction, context: CallContext, number: int) -> Iterator[SearchProbe]:
    function, sides = called.function, (context.base, context.head)
    parameters = read_arguments(function.spelled) or ()
    if len(parameters) != len(function.arguments):
        return
    feeds = (side.feeds.get(name, frozenset()) for side in sides for name in called.reach)
    scales = context.scales.only(called.reach.union(*feeds))
    near = find_near(context.samples, called.reach, function.object, context.head)
    samples = [one for one in context.samples if one.table.name in called.reach]
    paths, labels = _find_paths(called, context), context.find_labels()
    for persona in {one.role: one for one in reversed(called.callers)}.values():
        lists = fit_rows(
            parameters,
            function.arguments,
            samples,
            labels,
            paths=paths,
            caller=persona.id,
        )
        written = write_rows(parameters, function.arguments, _find_populated(called, context), labels)
        for some in chain(written, islice(lists, number)) if parameters else ((),):
            text = ", ".join(spell_argument(one, of) for one, of in zip(some, parameters, strict=True))
            call = replace(probe_call(function.object, text, persona, near), reveals=True)
            if weighed := scales.put(call):
                call = replace(call, values=weighed.values, weighs=True)
            yield call
            if near.tables:
                yield repeated(call)


def _find_populated(called: CalledFunction, context: CallContext) -> list[Sample]:
    """Tables of which the function makes rows of documents: it names them, beside what does so."""
    words = find_literals(bodies(frozenset({called.function.object}), context.head)).words
    named = [one for one in context.samples if one.table.relation in words and one.table.stored]
    return [] if words.isdisjoint(_POPULATING) else named


def _find_paths(called: CalledFunction, context: CallContext) -> list[tuple[str, ...]]:
    """Where functions look in documents, first those places where only one side does."""
    new, old = (find_literals(bodies(called.reach, side)).paths for side in (context.head, context.base))
    return sorted(dict.fromkeys((*new, *old)), key=lambda path: (path in new) == (path in old))[:_PATHS]
