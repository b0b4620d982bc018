"""Twice is not once: a call about one row, repeated, inserts or pays the same again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import replace

from pgassay.audit.calls import Call, argument_lists, callable_by, look_new, make_calls, samples_of, setups
from pgassay.audit.model import ROWS, Finding, Severity, Step
from pgassay.audit.payments import Looked, Paid, paid_again
from pgassay.audit.scene import Scene, run
from pgassay.catalog.model import Function, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER, condition
from pgassay.observation import Persona

RULE = "twice"
_SETUPS = 12


def find(scene: Scene) -> Iterator[Finding]:
    """Of functions that write what their caller may not write."""
    done: set[str] = set()
    for persona in scene.users:
        for function in callable_by(scene, persona):
            may_write = function.definer and function.volatility == "v"
            if may_write and function.function not in done and (found := _try(scene, persona, function)):
                done.add(function.function)
                yield found


def _try(scene: Scene, persona: Persona, function: Function) -> Finding | None:
    samples = [s for s in samples_of(scene, function) if not _may_insert(s, persona)]
    keys = {value for s in samples_of(scene, function) for value in _named_rows(s)}
    lists = [some for some in argument_lists(scene, function) if some and set(some) & keys]
    if not samples or not lists:
        return None
    for number, setup in enumerate(setups(scene, function)):
        if number >= _SETUPS:
            return None
        with scene.session.undone():
            if not all(run(scene.session, None, text) for text in setup):
                continue
            found = _repeat(scene, persona, function, samples=samples, lists=lists, setup=setup)
        if found:
            return found
    return None


def _named_rows(sample: Sample) -> Iterator[str]:
    """What names a row: its own, or one that it refers to."""
    columns = {*sample.key, *(name for key in sample.table.foreign_keys for name in key.columns)}
    return (value for row in sample.rows for name in columns if (value := row.values[name]))


def _may_insert(sample: Sample, persona: Persona) -> bool:
    held = sample.table.privileges[persona.role]
    asked = [p for p in held.policies if p.command in ("insert", "all")]
    return bool(held.insert) and (not held.filtered or bool(asked))


def _repeat(  # noqa: PLR0913 - one attempt, by name
    scene: Scene,
    persona: Persona,
    function: Function,
    *,
    samples: list[Sample],
    lists: list[tuple[str | None, ...]],
    setup: tuple[str, ...],
) -> Finding | None:
    looks = [look_new(sample) for sample in samples_of(scene, function)]
    before = {s.object: {row.key for row in s.rows} for s in samples_of(scene, function)}
    calls = [Call(function=function, arguments=some, persona=persona, setup=setup) for some in lists]
    answers = make_calls(scene, persona, calls, AS_OWNER, *looks)
    alive = [call for call, answer in answers if not answer.sqlstate and any(answer.rows[2:])]
    for call in alive:
        with scene.session.undone():
            prepared = _look(scene, looks)
            run(scene.session, persona, call.statement)
            once = _look(scene, looks)
            run(scene.session, persona, call.statement)
            twice = _look(scene, looks)
        if paid := paid_again(samples_of(scene, function), persona, prepared, once, twice):
            return _tell_paid(scene, call, paid)
        if _keeps(before, prepared, once):
            continue
        for sample, first, second in zip(samples_of(scene, function), once, twice, strict=True):
            new = [row for row in first if row[:-1] not in before[sample.object]]
            more = [row for row in second if row not in first]
            if sample in samples and new and len(more) == len(new) and _like(sample, new[0], more[0]):
                return _tell(scene, call, sample)
    return None


Keys = Mapping[str, Set[tuple[str | None, ...]]]


def _keeps(before: Keys, prepared: list[Looked], once: list[Looked]) -> bool:
    """Whether the call changed a row that was there, such as a balance: the next one finds another state."""
    return any(
        row[:-1] in keys and row not in former
        for keys, former, now in zip(before.values(), prepared, once, strict=True)
        for row in now
    )


def _look(scene: Scene, looks: list[str]) -> list[Looked]:
    answers = scene.ask(None, [[look] for look in looks])
    return [list(answer.rows[0]) if not answer.sqlstate else [] for answer in answers]


def _like(sample: Sample, first: tuple[str | None, ...], second: tuple[str | None, ...]) -> bool:
    """The same but for keys and times."""
    keys = {name for index in sample.table.unique for name in index.columns if index.primary}
    one, other = (json.loads(row[-1] or "{}") for row in (first, second))
    names = [n for n in one if n not in keys and not sample.table.columns[n].base.startswith("timestamp")]
    return bool(names) and all(one[name] == other[name] for name in names)


def _tell_paid(scene: Scene, call: Call, paid: Paid) -> Finding:
    look = f"select 1 from {paid.sample.table.name} as t where {condition(paid.sample.key, paid.key)}"
    more = Step(statement=f"{look} and t.{quoted(paid.column)} = {paid.twice:.15g}", shows=ROWS)
    told = f"{paid.column} of {call.persona.name}'s own row in {paid.sample.object} grows each time"
    finding = _tell(scene, call, paid.sample)
    name = call.function.function
    return replace(
        finding,
        sentence=f"{call.persona.name} calls {name} twice with the same, and {told}: "
        f"{paid.record.object} keeps that it was done, and does not refuse it.",
        steps=(*finding.steps[:-1], more),
    )


def _tell(scene: Scene, call: Call, sample: Sample) -> Finding:
    name = call.function.function
    look = f"select 1 from {sample.table.name} as t where pg_catalog.age(t.xmin) <= 0"
    again = f"{look} group by () having count(*) > 1"
    return Finding(
        rule=RULE,
        object=name,
        actions=("execute",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{call.persona.name} calls {name} twice for the same row, and {sample.object} has the same "
        "entry twice: nothing keeps that it was done.",
        steps=(
            *(Step(statement=text) for text in call.setup),
            Step(who=call.persona, statement=call.statement),
            Step(who=call.persona, statement=call.statement),
            Step(statement=again, shows=ROWS),
        ),
        cause=f"twice {name}",
        about=(ObjectKey(kind="function", object=name, name=""),),
    )
