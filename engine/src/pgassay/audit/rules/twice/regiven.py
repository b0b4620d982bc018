"""What is given to each user once, and once more after he removes the row that says that he has had it.

It is a time that lies ahead or a number, in that row, or a number in another row of his.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pgassay.audit.acts import reach_of
from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import Call, callable_by, samples_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import insert_of, make_room, naming_columns, own_inserts, owner_columns
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Function, ObjectKey, Policy
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, NUMBERS, become
from pgassay.observation import Persona

_ROWS, _CALLS = 3, 6

_Changes = list[tuple[tuple[Sample, Column], list[float]]]
"""Sums of a persona's numbers, by column, one after each step."""


@dataclass(frozen=True, kw_only=True)
class _Gift:
    """A statement after which a persona has a row of its own that it may remove; it writes `others`."""

    sample: Sample
    persona: Persona
    statement: str
    others: tuple[Sample, ...]
    told: str

    @property
    def own(self) -> str:
        return own_condition(self.sample, self.persona)

    @property
    def room(self) -> Step:
        return Step(statement=make_room(self.sample, self.persona))

    @property
    def given(self) -> Step:
        return Step(who=self.persona, statement=self.statement)

    @property
    def leaves(self) -> Step:
        return Step(
            who=self.persona,
            statement=f"delete from {self.sample.table.name} as t where {self.own}",
            shows=ROWS,
        )


def find_regiven(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of such rows."""
    for sample in scene.samples:
        is_plain = sample.table.kind in "rp" and sample.object == sample.table.name and bool(sample.rows)
        if is_plain and owner_columns(sample) and not _is_for_one(sample):
            tries = (
                _tell(scene, gift, shown, what)
                for persona in scene.users
                for gift in _gifts(scene, sample, persona)
                for shown, what in _shown(scene, gift)
            )
            yield from islice(tries, 1)


def _shown(scene: Scene, gift: _Gift) -> Iterator[tuple[Steps, str]]:
    """Of a gift that has no price: no number of the persona's becomes less."""
    changes = _measure(scene, gift)
    if all(sums[0] <= sums[1] for _, sums in changes):
        yield from _in_the_row(scene, gift)
        yield from _elsewhere(scene, gift, changes)


def _is_for_one(sample: Sample) -> bool:
    """Whether a row keeps others from something, as that of a seat does: one gives it back, and takes it."""
    owners, columns = owner_columns(sample), sample.table.columns
    chosen = [{n for n in i.columns if not columns[n].has_default} for i in sample.table.unique]
    return any(names and not names & owners for names in chosen)


def _gifts(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Gift]:
    """Those that are alive."""
    held = sample.table.privileges[persona.role]
    if not (held.delete and held.admits("delete")):
        return
    every = [*_calls(scene, sample, persona), *_inserts(scene, sample, persona)]
    segments = [
        [gift.room.statement, *become(persona), gift.statement, gift.leaves.statement] for gift in every
    ]
    for gift, answer in zip(every, scene.ask(None, segments), strict=True):
        if not answer.sqlstate and answer.counts[-1] > 0:
            yield gift


def _calls(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Gift]:
    for function in callable_by(scene, persona):
        samples = samples_of(scene, function)
        if function.volatility == "v" and sample in samples and not scene.is_unending(function):
            for some in argument_lists(scene, function)[:_CALLS]:
                yield _Gift(
                    sample=sample,
                    persona=persona,
                    statement=Call(function=function, arguments=some, persona=persona).statement,
                    others=tuple(one for one in samples if one is not sample),
                    told=f"calls {function.function}",
                )


def _inserts(scene: Scene, sample: Sample, persona: Persona) -> Iterator[_Gift]:
    """Like other rows, whole and with what has to be said alone."""
    table, owners = sample.table, owner_columns(sample)
    if sample.table.privileges[persona.role].adds:
        reach = reach_of(scene, table)
        texts: dict[str, None] = {}
        for write in islice(own_inserts(sample, persona), _ROWS):
            said = {n: v for n, v in write.values.items() if n in owners or not table.columns[n].has_default}
            texts |= dict.fromkeys((statements.insert(table, said, overriding=False), write.statement))
        for text in texts:
            yield _Gift(
                sample=sample,
                persona=persona,
                statement=text,
                others=tuple(s for s in scene.samples if s is not sample and s.table.name in reach),
                told="enters it",
            )


def _in_the_row(scene: Scene, gift: _Gift) -> Iterator[tuple[Steps, str]]:
    """Once it is over or spent, the same alone does not bring it back."""
    table = gift.sample.table
    for column in table.columns.values():
        if column.generated or column.name in naming_columns(gift.sample):
            continue
        if column.base in MOMENTS:
            over, ahead, what = "now() - interval '10 years'", "now() + interval '1 hour'", "lies ahead"
        elif column.base in NUMBERS and _is_asked(scene, gift, column):
            over, ahead, what = "0", "0", "is more than nothing"
        else:
            continue
        look = Step(
            statement=f"select 1 from {table.name} as t where {gift.own} and t.{column.quoted} > {ahead}",
            shows=ROWS,
        )
        spent = Step(
            statement=f"update {table.name} as t set {column.quoted} = {over} where {gift.own}", shows=ROWS
        )
        first = (gift.room, gift.given, look)
        if plays(scene.session, first) and not _sets_itself(scene, gift, column, (*first, spent)):
            again = _again(scene, gift, (*first, spent))
            shown = (*first, spent, again, replace(look, shows=NO_ROWS_SHOWN), gift.leaves, gift.given, look)
            if plays(scene.session, shown):
                yield shown, f"{column.name} of the row {what}"


def _again(scene: Scene, gift: _Gift, steps: Steps) -> Step:
    """The same once more, refused or not."""
    with scene.session.undone():
        for step in steps:
            run(scene.session, step.who, step.statement)
        return replace(gift.given, shows=scene.session.try_as(gift.persona, gift.statement).sqlstate)


def _is_asked(scene: Scene, gift: _Gift, column: Column) -> bool:
    """Whether something else than what gives it asks for the number: one spends it."""
    texts = [text for policy in scene.catalog.of(Policy) for _, text in policy.clauses]
    ours = [f for f in scene.catalog.of(Function) if scene.is_ours(f)]
    texts += [f.text for f in ours if f.function not in gift.told]
    return column.name in find_literals(texts).words


def _sets_itself(scene: Scene, gift: _Gift, column: Column, spent: Steps) -> bool:
    """Whether the persona may say what it likes there, in its row or in a new one."""
    table, far = gift.sample.table, "now() + interval '20 years'" if column.base in MOMENTS else "30000"
    change = f"update {table.name} as t set {column.quoted} = {far} where {gift.own}"
    if plays(scene.session, (*spent, Step(who=gift.persona, statement=change, shows=ROWS))):
        return True
    value = "2101-02-03" if column.base in MOMENTS else far
    write = insert_of(gift.sample, gift.persona, gift.sample.rows[0], **{column.name: value})
    if write is None:
        return False
    return plays(scene.session, (gift.room, Step(who=gift.persona, statement=write.statement, shows=ROWS)))


def _elsewhere(scene: Scene, gift: _Gift, changes: _Changes) -> Iterator[tuple[Steps, str]]:
    """A number grows again, and nothing takes it back with the row."""
    for (other, column), (begun, once, repeated, left, anew) in changes:
        if not begun < once == repeated == left < anew or _grows_anyway(scene, gift, other, column):
            continue
        own = own_condition(other, gift.persona)
        looks = [
            Step(
                statement=f"select 1 from {other.table.name} as t where {own} "
                f"having sum(t.{column.quoted}) > {number:.15g}",
                shows=ROWS,
            )
            for number in (begun, once)
        ]
        first = (gift.room, gift.given, looks[0])
        again = _again(scene, gift, first)
        shown = (
            *(*first, again, replace(looks[1], shows=NO_ROWS_SHOWN)),
            *(gift.leaves, gift.given, looks[1]),
        )
        if plays(scene.session, shown):
            yield shown, f"{column.name} in {other.table.name} grows"


def _measure(scene: Scene, gift: _Gift) -> _Changes:
    """At first, after the gift, after the same again, without the row, and after the gift then."""
    places = [
        (other, column)
        for other in gift.others
        if owner_columns(other) and other.table.kind in "rp"
        for column in other.table.columns.values()
        if column.base in NUMBERS and column.base != "money" and column.name not in naming_columns(other)
    ]
    looks = [
        f"(select coalesce(sum(t.{column.quoted}), 0)::text from {other.table.name} as t "
        f"where {own_condition(other, gift.persona)})"
        for other, column in places
    ]
    found: list[list[float]] = []
    with scene.session.undone():
        for step in (gift.room, gift.given, gift.given, gift.leaves, gift.given) if places else ():
            run(scene.session, step.who, step.statement)
            [answer] = scene.ask(None, [[f"select {', '.join(looks)}"]])
            if answer.sqlstate:
                return []
            found.append([float(value or 0) for value in answer.rows[0][0]])
    return [(place, sums) for place, *sums in zip(places, *found, strict=True)]


def _grows_anyway(scene: Scene, gift: _Gift, other: Sample, column: Column) -> bool:
    """Whether the persona may write the number itself."""
    own = own_condition(other, gift.persona)
    change = f"update {other.table.name} as t set {column.quoted} = t.{column.quoted} + 1 where {own}"
    texts = [change, *(write.statement for write in own_inserts(other, gift.persona))]
    answers = scene.ask(gift.persona, [[text] for text in texts])
    return any(not answer.sqlstate and answer.counts[0] > 0 for answer in answers)


def _tell(scene: Scene, gift: _Gift, steps: Steps, what: str) -> Finding:
    table, name = gift.sample.table, gift.persona.name
    deleting = [p.key for p in scene.policies.get(table.oid, ()) if p.command in ("delete", "all")]
    return Finding(
        rule="twice",
        object=gift.sample.object,
        actions=("delete",),
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} removes {name}'s own row in {table.name} and {gift.told} again: {what} anew, which "
        "the same without that does not do.",
        steps=steps,
        cause=f"anew {table.name}",
        about=(*deleting, ObjectKey(kind="relation", object=table.name, name="")),
        candidates=((f"revoke delete on {table.name} from {quoted(gift.persona.role)}",),),
    )
