"""What a user writes into a row that others made for him, an invitation, and what it lets him enter then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from pgassay.audit.acts import reach_of
from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, look_new, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.given import Given, find_answers, find_given
from pgassay.audit.listed import has_constant, is_empty, listed_values
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.ranks import needs_rank_for
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import insert_of, left_to_update, make_room, owner_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import NUMBERS, TEXTS, condition

_VALUES, _CALLS = 4, 8
_FAR = ("30000", "99", "5")


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A column of the given row that decides about rows of `target`; `told` is how."""

    given: Given
    column: str
    target: Sample
    told: str
    steps: Steps


@dataclass(frozen=True, kw_only=True)
class _Way:
    """What the user does `first` without the change; with it he does `then`, and `answers` in one UPDATE.

    `targets` are where it may come to be copied; `told` is how.
    """

    first: Steps = ()
    answers: tuple[str, str] | None = None
    then: Steps = ()
    targets: tuple[Sample, ...] = ()
    told: str = ""

    def changed(self, given: Given, column: str, value: str) -> Steps:
        text = given.answer(self.answers, column, value) if self.answers else given.update(column, value)
        return (_by(given, text), *self.then)


def find_rewritten(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of such rows."""
    for sample in scene.samples:
        every = [one for user in scene.users for one in find_given(scene, sample, user, answering=True)]
        for given in every:
            columns = [c for c in sample.table.columns.values() if _is_asked(scene, given, c)]
            shown = [one for column in columns if (one := _try(scene, given, column))]
            if shown:
                yield _tell(scene, given, shown)
                break


def _is_asked(scene: Scene, given: Given, column: Column) -> bool:
    sample = given.sample
    keys = {name for index in sample.table.unique if index.primary for name in index.columns}
    held = sample.table.privileges[given.persona.role].update
    is_plain = column.base in (*NUMBERS, *TEXTS, "uuid") or bool(column.labels)
    is_free = column.name in held & scene.said - keys - owner_columns(sample)
    return is_plain and is_free and not column.generated


def _try(scene: Scene, given: Given, column: Column) -> _Shown | None:
    for way in (_admitted, _copied):
        for shown in way(scene, given, column):
            if not needs_rank_for(scene, given.sample, given.persona, given.named, shown.steps):
                return shown
    return None


def _values(scene: Scene, given: Given, column: Column) -> list[str]:
    """Others than the row has."""
    now = given.row.values[column.name]
    listed = listed_values(scene, given.sample.table, column)
    for key in given.sample.table.foreign_keys:
        parent = scene.sample_of.get(key.target or "")
        if key.columns == (column.name,) and parent:
            listed = [value for row in parent.rows if (value := row.values[key.target_columns[0]])]
    some = [*_FAR] if column.base in NUMBERS and not listed else values_for(
        scene, given.sample, column, besides=now
    )  # fmt: skip
    return [value for value in dict.fromkeys(listed or some) if value != now][:_VALUES]


def _admitted(scene: Scene, given: Given, column: Column) -> Iterator[_Shown]:
    """An INSERT elsewhere with what the row says now, and nothing else; after the UPDATE with the other."""
    persona = given.persona
    now = given.row.values[column.name]
    for target in _asking(scene, given.sample):
        room = Step(statement=make_room(target, persona))
        held = target.table.privileges[persona.role].insert & scene.said
        places = [c for c in target.table.columns.values() if c.name in held and c.base == column.base]
        for place, row in product(places, target.rows[:1]):
            like = _alike(given, target)
            write, *others = (
                insert_of(target, persona, row, **{**like, place.name: value})
                for value in (now, *_values(scene, given, column))
            )
            for way in _beginnings(scene, given, column) if write else ():
                begun = (room, *way.first)
                if write and not plays(scene.session, (*begun, _by(given, write.statement))):
                    continue
                for other in filter(None, others):
                    with scene.session.undone():
                        ready = all(run(scene.session, s.who, s.statement) for s in begun)
                        [answer] = scene.ask(persona, [[other.statement]]) if ready else [None]
                    if answer is None or not answer.sqlstate or answer.sqlstate[:2] in OF_VALUES:
                        continue
                    refused = replace(_by(given, other.statement), shows=answer.sqlstate)
                    anew = _unanswered(given, way)
                    changed = way.changed(given, column.name, other.values[place.name] or "")
                    steps = (*begun, refused, *anew, *changed, _by(given, other.statement))
                    if plays(scene.session, steps):
                        told = f"enters a row into {target.object} that was refused before"
                        yield _Shown(given=given, column=column.name, target=target, told=told, steps=steps)


def _by(given: Given, statement: str) -> Step:
    return Step(who=given.persona, statement=statement, shows=ROWS)


def _asking(scene: Scene, sample: Sample) -> Iterator[Sample]:
    """Other tables whose policies, triggers or functions come to read it."""
    for target in scene.samples:
        is_plain = target.table.kind in "rp" and target.object == target.table.name and target is not sample
        if is_plain and owner_columns(target) and sample.table.name in reach_of(scene, target.table):
            yield target


def _alike(given: Given, target: Sample) -> dict[str, str | None]:
    """What a row of the target says alike: of the same thing, or in a column that is called the same."""
    sample = given.sample
    above = {key.target: key.columns[0] for key in sample.table.foreign_keys if len(key.columns) == 1}
    same = {name: name for name in target.table.columns if name in sample.table.columns}
    same |= {
        key.columns[0]: above[key.target]
        for key in target.table.foreign_keys
        if len(key.columns) == 1 and key.target in above
    }
    keyed = {*target.key} - {name for key in target.table.foreign_keys for name in key.columns}
    free = set(same) - owner_columns(target) - keyed
    return {name: given.row.values[same[name]] for name in sorted(free)}


def _beginnings(scene: Scene, given: Given, column: Column) -> Iterator[_Way]:
    """As things are, or once the user has answered: before he changes the column, or by the same UPDATE."""
    yield _Way()
    for one in _answers(scene, given, column):
        first = (_by(given, given.update(*one)),)
        yield _Way(first=first)
        yield _Way(first=first, answers=one)


def _unanswered(given: Given, way: _Way) -> Steps:
    """The row as it was, for the owner to say, where one UPDATE has to answer and change it."""
    names = [way.answers[0]] if way.answers else []
    return tuple(Step(statement=given.update(name, given.row.values[name])) for name in names)


def _answers(scene: Scene, given: Given, besides: Column) -> list[tuple[str, str]]:
    """What a user answers without the column."""
    answers = find_answers(scene, given.sample, given.persona, given.row)
    return [one for one in answers if one[0] != besides.name]


def _copied(scene: Scene, given: Given, column: Column) -> Iterator[_Shown]:
    """A function or trigger copies it into a row of the user's, where he may not write it himself."""
    is_said = bool(listed_values(scene, given.sample.table, column)) or column.base in NUMBERS
    if not is_said and not (has_constant(column) and not is_empty(column)):
        return  # a remark may be handed on
    values = _values(scene, given, column)
    for way in (*_calls(scene, given, column), *_firing(scene, given, column)):
        rooms = [make_room(target, given.persona) for target in way.targets]
        for target in way.targets:
            before = _entered(scene, given, (rooms, way.first), target)
            for value in values if given.row.values[column.name] in before.values() else ():
                changed = way.changed(given, column.name, value)
                after = _entered(scene, given, (rooms, changed), target)
                for name in sorted(before.keys() & after.keys() - owner_columns(target)):
                    if (before[name], after[name]) == (given.row.values[column.name], value):
                        look = (
                            f"select 1 from {target.table.name} as t where {condition((name,), (value,))} "
                            f"and {own_condition(target, given.persona)} and pg_catalog.age(t.xmin) <= 0"
                        )
                        begun = tuple(Step(statement=room) for room in rooms)
                        steps = (*begun, *changed, Step(statement=look, shows=ROWS))
                        if not _may_anyway(scene, given, (*begun, *way.first), (target, name, value)):
                            yield _Shown(
                                given=given,
                                column=column.name,
                                target=target,
                                told=f"{way.told}, which writes it into {target.object}.{name}",
                                steps=steps,
                            )


def _calls(scene: Scene, given: Given, column: Column) -> Iterator[_Way]:
    for function in callable_by(scene, given.persona):
        samples = samples_of(scene, function)
        is_meant = function.volatility == "v" and given.sample in samples and not scene.is_unending(function)
        if not is_meant or column.name not in find_literals([function.text]).words:
            continue
        targets = tuple(s for s in samples if s is not given.sample and owner_columns(s))
        named = [some for some in argument_lists(scene, function) if {*some} & {*given.row.values.values()}]
        for some in named[:_CALLS] if function.types else [()]:
            call = Call(function=function, arguments=some, persona=given.persona)
            step = Step(who=given.persona, statement=call.statement)
            for way in _beginnings(scene, given, column) if given.answered else [_Way()]:
                yield replace(
                    way,
                    first=(*way.first, step),
                    then=(step,),
                    targets=targets,
                    told=f"calls {function.function}",
                )


def _firing(scene: Scene, given: Given, column: Column) -> Iterator[_Way]:
    if given.sample.table.acting:
        reach = reach_of(scene, given.sample.table)
        targets = tuple(
            s for s in scene.samples if s.object in reach and s is not given.sample and owner_columns(s)
        )
        for way in _beginnings(scene, given, column) if targets else ():
            then = () if way.answers else way.first
            yield replace(way, then=then, targets=targets, told="answers")


def _entered(
    scene: Scene, given: Given, done: tuple[list[str], Steps], target: Sample
) -> dict[str, str | None]:
    """The first new row of the user's own."""
    rooms, steps = done
    with scene.session.undone():
        if not all(run(scene.session, None, room) for room in rooms):
            return {}
        if not all(run(scene.session, step.who, step.statement) for step in steps):
            return {}
        [answer] = scene.ask(None, [[look_new(target)]])
    for *_, document in answer.rows[0] if not answer.sqlstate else ():
        values: dict[str, object] = json.loads(document or "{}")
        if any(values.get(name) == given.persona.id for name in owner_columns(target)):
            return {name: None if v is None else str(v) for name, v in values.items()}
    return {}


def _may_anyway(scene: Scene, given: Given, begun: Steps, entered: tuple[Sample, str, str]) -> bool:
    """Whether the user may write the same there, once the row is entered."""
    target, name, value = entered
    own = own_condition(target, given.persona)
    quoted = target.table.columns[name].quoted
    change = f"update {target.table.name} as t set {quoted} = {statements.literal(value)} where {own}"
    return plays(scene.session, (*begun, _by(given, change)))


def _tell(scene: Scene, given: Given, shown: list[_Shown]) -> Finding:
    table, name, first = given.sample.table, given.persona.name, shown[0]
    held = table.privileges[given.persona.role]
    columns = tuple(one.column for one in shown)
    policies = [p for p in held.policies if p.command in ("update", "all")]
    return Finding(
        rule="depends",
        object=given.sample.object,
        columns=columns,
        actions=("update",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} changes {first.column} of a row in {table.name} that {name} may not make, and then "
        f"{first.told}.",
        steps=first.steps,
        others=tuple(one.steps for one in shown[1:]),
        cause=f"own update {given.sample.object} {columns[0]}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(left_to_update(table, given.persona.role, held.update - {*columns}),),
    )
