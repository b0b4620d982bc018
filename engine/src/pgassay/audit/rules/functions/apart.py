"""Functions that ask about one row and use another: nothing says that the two belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, permutations

from pgassay.audit.arguments import argument_lists
from pgassay.audit.asking import asks_who_calls
from pgassay.audit.calls import Call, make_calls, samples_of, secrets, told
from pgassay.audit.model import NO_ROWS_SHOWN, OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.reach import Reach
from pgassay.audit.rules.functions.deeds import Deed
from pgassay.audit.rules.functions.findings import callers_of, make_finding, show_told
from pgassay.audit.scene import Scene
from pgassay.audit.words import anyone
from pgassay.catalog.model import Function
from pgassay.database.pipeline import Answer
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import AS_OWNER
from pgassay.observation import Persona

_CALLS, _ROWS = 24, 3
_DOES = {"update": "changes", "delete": "removes"}


def writes_apart(scene: Scene, deeds: Iterable[Deed], seen: Reach) -> Finding | None:
    """The caller names a row of his own that the function asks about, and a hidden one that it changes.

    Whom he sees he may give something.
    """
    for deed in deeds:
        visible = seen.seen.get(deed.sample.object, frozenset())
        row = next((row for row in deed.sample.rows if row.key == deed.key and row.key not in visible), None)
        for together, parent in _together(scene, deed.call, deed.sample, row) if row else ():
            answer = _answer(scene, together, AS_OWNER, deed.look)
            is_kept = answer and not answer.sqlstate and (not answer.rows[-1]) is (deed.shows == ROWS)
            if answer and (_refuses(answer) or is_kept):
                left = (Step(statement=deed.look, shows=NO_ROWS_SHOWN if deed.shows == ROWS else ROWS),)
                steps = (
                    *(Step(statement=text) for text in deed.call.setup),
                    Step(who=deed.call.persona, statement=together.statement, shows=answer.sqlstate),
                    *(left if is_kept else ()),
                    Step(who=deed.call.persona, statement=deed.call.statement),
                    Step(statement=deed.look, shows=deed.shows),
                )
                does = _DOES.get(deed.action.value, "writes")
                return _tell(scene, deed.call, does, (deed.sample, parent), steps, "writes")
    return None


def tells_apart(scene: Scene, persona: Persona, function: Function, seen: Reach) -> Finding | None:
    """The same of a function that tells the other row."""
    if not asks_who_calls(scene, function):
        return None
    for sample in samples_of(scene, function):
        known = secrets(sample, seen, persona)
        tried = islice(_mismatched(scene, persona, function, sample), _CALLS if known else 0)
        for call, row, together, parent in tried:
            answer = _answer(scene, call)
            values = told(answer) - call.said if answer else set()
            value = next((v for v in sorted(values & known.keys()) if known[v] is row), None)
            refused = _answer(scene, together) if value else None
            if value and refused and (_refuses(refused) or value not in told(refused)):
                first = show_told(together, value, NO_ROWS_SHOWN)
                if refused.sqlstate:
                    first = (Step(who=persona, statement=together.statement, shows=refused.sqlstate),)
                steps = (*first, *show_told(call, value))
                return _tell(scene, call, "reads", (sample, parent), steps, "tells")
    return None


def _mismatched(
    scene: Scene, persona: Persona, function: Function, sample: Sample
) -> Iterator[tuple[Call, Row, Call, Sample]]:
    """Calls that name a row of others and what it does not belong to; each with the one that names both."""
    pairs = [(i, j) for i, j in permutations(range(len(function.types)), 2) if len(sample.key) == 1]
    first = next(iter(argument_lists(scene, function)), ())
    for row in [row for row in sample.rows if persona.id not in row.owners][:_ROWS]:
        for i, j in pairs if first else ():
            if function.types[j] != sample.table.columns[sample.key[0]].base:
                continue
            named = (*first[:j], row.key[0], *first[j + 1 :])
            for key in sample.table.foreign_keys:
                parent = scene.sample_of.get(key.target or "")
                if len(key.columns) != 1 or parent is None or parent is sample:
                    continue
                column, target = key.columns[0], key.target_columns[0]
                values = dict.fromkeys(one.values[target] for one in parent.rows)
                if function.types[i] == parent.table.columns[target].base and row.values[column]:
                    calls = {
                        value: Call(
                            function=function, arguments=(*named[:i], value, *named[i + 1 :]), persona=persona
                        )
                        for value in values
                    }
                    together = calls.pop(row.values[column], None)
                    yield from ((call, row, together, parent) for call in calls.values() if together)


def _answer(scene: Scene, call: Call, *looks: str) -> Answer | None:
    """None of a function that does not come to an end."""
    return next((answer for _, answer in make_calls(scene, call.persona, [call], *looks)), None)


def _refuses(answer: Answer) -> bool:
    return bool(answer.sqlstate) and not answer.sqlstate.startswith(OF_VALUES)


def _together(scene: Scene, call: Call, sample: Sample, row: Row) -> Iterator[tuple[Call, Sample]]:
    """The same call about the row that this one belongs to, in place of the one that it names."""
    if not set(row.key) & call.said:
        return
    for key in sample.table.foreign_keys:
        parent = scene.sample_of.get(key.target or "")
        if len(key.columns) != 1 or parent is None or parent is sample:
            continue
        belongs = row.values[key.columns[0]]
        named = {one.values[key.target_columns[0]] for one in parent.rows} - {belongs, *row.key}
        for place, value in enumerate(call.arguments):
            if belongs and value in named:
                arguments = (*call.arguments[:place], belongs, *call.arguments[place + 1 :])
                yield replace(call, arguments=arguments), parent


def _tell(  # noqa: PLR0913, PLR0917 - what is done to which row, and below which
    scene: Scene,
    call: Call,
    does: str,
    samples: tuple[Sample, Sample],
    steps: tuple[Step, ...],
    what: str,
) -> Finding:
    function, (sample, parent) = call.function, samples
    who = [p for p in callers_of(scene, function) if p.id]
    sentence = (
        f"{anyone(who)} {does} rows of others in {sample.object} through {function.function}, which asks "
        f"about the row of {parent.object} that is named, and not whether the other one belongs to it."
    )
    return make_finding(function, who, severity=Severity.HIGH, sentence=sentence, steps=steps, what=what)
