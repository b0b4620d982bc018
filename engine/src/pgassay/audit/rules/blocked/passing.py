"""Marks that keep a user out of a table on one way and not on another: a policy asks, a function does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from pgassay.audit.acts import reach_of
from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, samples_of
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step
from pgassay.audit.rules.blocked.blocking import Blocking, Blockings
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import make_room, own_inserts, owner_columns
from pgassay.catalog.model import Function, ObjectKey
from pgassay.database.pipeline import Answer
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import AS_OWNER
from pgassay.observation import Persona

_INSERTS = 4  # of one table
_CALLS = 12  # of one function
_MARKS = 24


@dataclass(frozen=True, kw_only=True)
class _Way:
    """A statement that leaves a row of its user's own in a table."""

    object: str
    statement: str
    told: str
    about: ObjectKey
    setup: tuple[str, ...] = ()


def find_passing(scene: Scene, blockings: Blockings) -> Iterator[Finding]:
    """One finding for each function or table on whose way a mark is not asked for."""
    done: set[str] = set()
    for persona in scene.users:
        functions = [f for f in callable_by(scene, persona) if f.volatility == "v"]
        for sample in scene.samples:
            writing = [f for f in functions if f.definer and sample in samples_of(scene, f)]
            if writing and _may_insert(sample, persona):
                for finding in _of_table(scene, blockings, persona, sample, writing):
                    if finding.object not in done:
                        done.add(finding.object)
                        yield finding


def _may_insert(sample: Sample, persona: Persona) -> bool:
    held = sample.table.privileges[persona.role]
    asked = any(policy.command in ("insert", "all") for policy in held.policies)
    own = sample.table.kind in "rp" and bool(owner_columns(sample))
    return own and bool(held.insert) and (asked or not sample.table.secured)


def _of_table(
    scene: Scene, blockings: Blockings, persona: Persona, sample: Sample, functions: Sequence[Function]
) -> Iterator[Finding]:
    reach = [reach_of(scene, sample.table), *(scene.inventory.reach(f.function) for f in functions)]
    asked = frozenset[str]().union(*reach) - {sample.table.name}
    alive: dict[tuple[tuple[str, ...], Persona | None], list[_Way]] = {}
    for mark in islice(blockings.find(persona, asked), _MARKS):
        begun = (mark.cleared, mark.by)
        if begun not in alive:
            alive[begun] = _alive(scene, persona, sample, functions, mark)
        yield from _try(scene, persona, sample, alive[begun], mark)


def _alive(
    scene: Scene,
    persona: Persona,
    sample: Sample,
    functions: Sequence[Function],
    mark: Blocking,
) -> list[_Way]:
    """The first INSERT, to whoever will set the mark, and the first way through each function."""
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in mark.cleared):
            return []
        inserts = _inserts(sample, persona)
        if found := list(islice(_going(scene, persona, sample, inserts, mark.by), 1)):
            for function in (f for f in functions if not scene.is_unending(f)):
                calls = _calls(scene, persona, function)
                found += islice(_going(scene, persona, sample, calls, mark.by), 1)
        return found


def _inserts(sample: Sample, persona: Persona) -> list[_Way]:
    about = ObjectKey(kind="relation", object=sample.table.name, name="")
    return [
        _Way(object=sample.object, statement=write.statement, told="an INSERT", about=about, setup=setup)
        for setup in ((), (make_room(sample, persona),))
        for write in islice(own_inserts(sample, persona), _INSERTS)
    ]


def _calls(scene: Scene, persona: Persona, function: Function) -> list[_Way]:
    about = ObjectKey(kind="function", object=function.function, name="")
    calls = (
        Call(function=function, arguments=some, persona=persona)
        for some in argument_lists(scene, function)[:_CALLS]
    )
    return [
        _Way(object=about.object, statement=call.statement, told=about.object, about=about) for call in calls
    ]


def _going(
    scene: Scene, persona: Persona, sample: Sample, ways: Sequence[_Way], reader: Persona | None
) -> Iterator[_Way]:
    answers = _answers(scene, persona, sample, ways)
    return (w for w, answer in zip(ways, answers, strict=True) if _went(sample, persona, answer, reader))


def _answers(scene: Scene, persona: Persona, sample: Sample, ways: Sequence[_Way]) -> list[Answer]:
    found: list[Answer] = []
    for setup, some in groupby(ways, lambda way: way.setup):
        asked = [[way.statement, AS_OWNER, look_new(sample)] for way in some]
        with scene.session.undone():
            if all(run(scene.session, None, text) for text in setup):
                found += scene.ask(persona, asked)
            else:
                found += [Answer(rows=(), counts=(), sqlstate="-")] * len(asked)
    return found


def _went(sample: Sample, persona: Persona, answer: Answer, reader: Persona | None) -> bool:
    """Whether it left a row of the persona's own, which names the reader, if there is one."""
    if answer.sqlstate:
        return False
    new = [json.loads(row[-1] or "{}") for row in answer.rows[2]]
    named = [{values.get(name) for name in owner_columns(sample)} for values in new]
    return any(persona.id in some and (reader is None or reader.id in some) for some in named)


def _try(
    scene: Scene, persona: Persona, sample: Sample, ways: Sequence[_Way], mark: Blocking
) -> Iterator[Finding]:
    if len(ways) < 2:
        return
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in (*mark.cleared, mark.statement)):
            return
        answers = _answers(scene, persona, sample, ways)
    pairs = list(zip(ways, answers, strict=True))
    held = [(w, a) for w, a in pairs if a.sqlstate and not a.sqlstate.startswith((*OF_VALUES, "-"))]
    for way in [way for way, answer in pairs if held and _went(sample, persona, answer, mark.by)]:
        finding = _tell(persona, sample, mark, way, held[0])
        yield replace(finding, who=tuple(p.name for p in scene.users))


def _tell(
    persona: Persona, sample: Sample, mark: Blocking, way: _Way, refused: tuple[_Way, Answer]
) -> Finding:
    held, answer = refused
    own = f"{own_condition(sample, persona)} and pg_catalog.age(t.xmin) <= 0"
    look = f"select 1 from {sample.table.name} as t where {own}"
    is_call = way.about.kind == "function"
    return Finding(
        rule="blocked",
        object=way.object,
        actions=("execute" if is_call else "insert",),
        who=(persona.name,),
        severity=Severity.MEDIUM,
        sentence=f"{mark.told}, and {held.told} keeps {persona.name}'s rows out of {sample.object} "
        f"({answer.sqlstate}); {way.told} lets them in, and does not ask for it.",
        steps=(
            *(Step(statement=text) for text in (*way.setup, *mark.cleared)),
            Step(statement=mark.statement, shows=ROWS),
            Step(who=persona, statement=held.statement, shows=answer.sqlstate),
            Step(who=persona, statement=way.statement),
            Step(statement=look, shows=ROWS),
        ),
        cause=f"passing {way.object}",
        about=(way.about, held.about),
    )
