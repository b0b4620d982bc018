"""Codes that work again for the next one who calls, though their rows say that they were used.

A call names a row that its callers do not see, and enters something of theirs. Either it leaves a mark there,
or the table has a column that is called so.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.listed import listed_values
from pgassay.audit.model import ROWS, Finding, Severity, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene, key_expression, own_condition, run
from pgassay.audit.words import is_end, is_of_last_time, is_use, says_used
from pgassay.audit.writes import make_room, owner_columns
from pgassay.catalog.model import Column, Function, ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, NUMBERS, condition, literal
from pgassay.observation import Persona

_CALLS = 12
_SOME_MOMENT = "2001-02-03"

_Key = tuple[str | None, ...]
_Rows = Mapping[str, Mapping[_Key, Mapping[str, object]]]
"""By object and key all rows, as documents."""


@dataclass(frozen=True, kw_only=True)
class _Code:
    """A row that a call names, by those who do not see it; `targets` are where it enters something."""

    sample: Sample
    row: Row
    targets: tuple[Sample, ...]
    calls: tuple[Call, Call]
    setup: Steps

    @property
    def named(self) -> str:
        return condition(self.sample.key, self.row.key)


def find_used(scene: Scene, done: Collection[str]) -> Iterator[Finding]:
    """One finding for each function that is not `done`."""
    for function in callable_by(scene, scene.users[0]) if len(scene.users) > 1 else ():
        is_writing = function.definer and function.volatility == "v" and bool(function.types)
        is_new = function.function not in done and not scene.is_unending(function)
        if is_writing and is_new and (found := next(_of(scene, function), None)):
            yield found


def _of(scene: Scene, function: Function) -> Iterator[Finding]:
    for code in _codes(scene, function):
        for way in (_left, _said):
            yield from way(scene, code)


def _codes(scene: Scene, function: Function) -> Iterator[_Code]:
    samples = [s for s in samples_of(scene, function) if s.object == s.table.name and s.key]
    for sample in samples:
        targets = tuple(s for s in samples if s is not sample and owner_columns(s))
        names = {i.columns[0] for i in sample.table.unique if len(i.columns) == 1}
        for first, second in permutations(scene.users[:2]) if targets else ():
            hidden = [row for row in sample.rows if not _sees(scene, sample, row, (first, second))]
            for setup in _setups(sample, targets, (first, second)):
                for some in argument_lists(scene, function)[:_CALLS]:
                    for row in [r for r in hidden if {r.values[n] for n in names} & {*some} - {None}][:1]:
                        calls = tuple(
                            Call(function=function, arguments=some, persona=one) for one in (first, second)
                        )
                        yield _Code(
                            sample=sample,
                            row=row,
                            targets=targets,
                            calls=(calls[0], calls[1]),
                            setup=setup,
                        )


def _sees(scene: Scene, sample: Sample, row: Row, people: tuple[Persona, ...]) -> bool:
    looks = (measure_seen(scene, one, [sample.table.name]) for one in people)
    return any(row.key in look.seen.get(sample.object, ()) for look in looks)


def _setups(sample: Sample, targets: tuple[Sample, ...], people: tuple[Persona, ...]) -> Iterator[Steps]:
    """Nobody is in yet; and of no row it is said that somebody used it."""
    pairs = [t for t in targets if any(set(i.columns) - owner_columns(t) for i in t.table.unique)]
    rooms = tuple(Step(statement=make_room(t, one)) for t in pairs for one in people)
    yield rooms
    if len(pairs) < len(targets):  # where somebody has one row there, too
        yield tuple(Step(statement=make_room(t, one)) for t in targets for one in people)
    unsaid = [
        f"{c.quoted} = null"
        for c in sample.table.columns.values()
        if not c.not_null and not c.generated and not is_end(c)
        if c.base in MOMENTS or c.name in owner_columns(sample)
    ]
    if unsaid:
        yield (*rooms, Step(statement=f"update {sample.table.name} set {', '.join(unsaid)}"))


def _left(scene: Scene, code: _Code) -> Iterator[Finding]:
    """The first call leaves a mark; the second one comes to the same, and the mark is there."""
    (first, second), samples = code.calls, (code.sample, *code.targets)
    with scene.session.undone():
        if not all(run(scene.session, step.who, step.statement) for step in code.setup):
            return
        states = [_look(scene, samples)]
        for call in (first, second):
            if not run(scene.session, call.persona, call.statement):
                return
            states.append(_look(scene, samples))
    before, once, twice = states
    effects = _effects(code, first.persona, before, once)
    if not effects or effects != _effects(code, second.persona, once, twice):
        return
    was, marked, now = (state[code.sample.object].get(code.row.key) for state in states)
    for column in code.sample.table.columns.values():
        if was is None or marked is None or now is None or is_of_last_time(column):
            continue
        value = marked[column.name]
        if _is_mark(column, was[column.name], value) and _stays(column, value, now[column.name]):
            said = (
                f"{column.quoted} is not null"
                if was[column.name] is None
                else condition((column.name,), (_text(value),))
            )
            look = f"select 1 from {code.sample.table.name} where {code.named} and {said}"
            steps = (
                *code.setup,
                Step(who=first.persona, statement=first.statement),
                Step(statement=look, shows=ROWS),
                Step(who=second.persona, statement=second.statement),
            )
            told = f"{first.persona.name} calls {first.function.function}, and {column.name} of a row in "
            told += f"{code.sample.object} says so"
            yield from _tell(scene, code, steps, told)


def _is_mark(column: Column, was: object, now: object) -> bool:
    """Whether it says what was not said: when, by whom, that it is so, or a word of a few."""
    if column.base in NUMBERS or column.generated or now in (None, was):
        return False
    return was is None or column.base == "bool" or bool(column.labels) or column.base not in MOMENTS


def _stays(column: Column, marked: object, now: object) -> bool:
    return now is not None and (now == marked or column.base in MOMENTS or column.base == "uuid")


def _said(scene: Scene, code: _Code) -> Iterator[Finding]:
    """By its name a column says that the row was used, and the call comes to the same as if it did not."""
    table, call = code.sample.table, code.calls[1]
    for column in table.columns.values():
        for value in _used_values(scene, code, column):
            update = statements.update(table, column.name, literal(value), where=code.named)
            setup = (*code.setup, Step(statement=update, shows=ROWS))
            with scene.session.undone():
                ready = all(run(scene.session, step.who, step.statement) for step in setup)
                before = _look(scene, code.targets)
                went = ready and run(scene.session, call.persona, call.statement)
                after = _look(scene, code.targets)
            if went and _effects(code, call.persona, before, after):
                steps = (*setup, Step(who=call.persona, statement=call.statement))
                told = f"{column.name} of a row in {code.sample.object} says that it was used"
                yield from _tell(scene, code, steps, told)


def _used_values(scene: Scene, code: _Code, column: Column) -> list[str]:
    table = code.sample.table
    if column.generated or column.name in code.sample.key or is_of_last_time(column):
        return []
    if listed := [value for value in listed_values(scene, table, column) if says_used(value)]:
        return listed
    if not is_use(column):
        return []
    if column.base in MOMENTS:
        return [] if column.not_null else [_SOME_MOMENT]
    if column.base == "bool":
        return ["true"]
    return [str(code.calls[0].persona.id)] if column.name in owner_columns(code.sample) else []


def _tell(scene: Scene, code: _Code, steps: Steps, told: str) -> Iterator[Finding]:
    call = code.calls[1]
    for target in code.targets:
        new = f"{own_condition(target, call.persona)} and pg_catalog.age(t.xmin) <= 0"
        look = Step(statement=f"select 1 from {target.table.name} as t where {new}", shows=ROWS)
        if plays(scene.session, (*steps, look)):
            name = call.function.function
            yield Finding(
                rule="twice",
                object=name,
                actions=("execute",),
                who=tuple(user.name for user in scene.users),
                severity=Severity.MEDIUM,
                sentence=f"{told}: {call.persona.name} calls {name} with the same, and a row of "
                f"{call.persona.name}'s own in {target.object} comes of it all the same.",
                steps=(*steps, look),
                cause=f"twice {name}",
                about=(ObjectKey(kind="function", object=name, name=""),),
            )
            return


def _look(scene: Scene, samples: tuple[Sample, ...]) -> _Rows:
    texts = [
        [f"select {key_expression(s.key, 't')}, to_jsonb(t.*)::text from {s.table.name} as t"]
        for s in samples
    ]
    answers = scene.ask(None, texts)
    return {
        s.object: {tuple(key): json.loads(text or "{}") for *key, text in a.rows[0]} if not a.sqlstate else {}
        for s, a in zip(samples, answers, strict=True)
    }


def _effects(code: _Code, persona: Persona, before: _Rows, after: _Rows) -> frozenset[tuple[str, ...]]:
    """What is new in rows of a persona's own, without who and when; by how much a number is more."""
    found: set[tuple[str, ...]] = set()
    for target in code.targets:
        owners = owner_columns(target)
        for key, row in after[target.object].items():
            was = before[target.object].get(key)
            if persona.id not in {row.get(name) for name in owners} or was == row:
                continue
            if was is None:
                found.add((target.object, *_plain(target, row)))
            else:
                found.update((target.object, *more) for more in _grown(target, was, row))
    return frozenset(found)


def _plain(target: Sample, row: Mapping[str, object]) -> Iterator[str]:
    refers = {name for key in target.table.foreign_keys for name in key.columns}
    for column in target.table.columns.values():
        is_told = column.name in refers or column.name not in target.key
        is_told = is_told and (column.name in refers or column.base not in (*NUMBERS, *MOMENTS, "uuid"))
        if is_told and column.name not in owner_columns(target):
            yield f"{quoted(column.name)} = {row.get(column.name)}"


def _grown(target: Sample, was: Mapping[str, object], row: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for column in target.table.columns.values():
        if column.base in NUMBERS and column.base != "money" and row.get(column.name) != was.get(column.name):
            step = float(str(row.get(column.name) or 0)) - float(str(was.get(column.name) or 0))
            yield column.name, f"{step:.15g}"


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
