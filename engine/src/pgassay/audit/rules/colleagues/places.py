"""Rows of two people: one takes the other's place in them, and does then what only the other might.

So it is where whoever guards a row asks the new one who may change it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.planted import PlantedRow, planted_row
from pgassay.audit.ranks import needs_rank
from pgassay.audit.scene import Scene
from pgassay.audit.writes import (
    insert_of,
    left_to_update,
    make_room,
    naming_columns,
    owner_columns,
    values_for,
)
from pgassay.catalog.model import ObjectKey
from pgassay.catalog.names import quoted
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import become, literal
from pgassay.observation import Persona

_VALUES = 8


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A row in which the persona stands in the column `mine`, and another one in `theirs`.

    In one that is `strange` the other one stands in both.
    """

    sample: Sample
    persona: Persona
    other: Persona
    mine: str
    theirs: str
    row: PlantedRow
    strange: PlantedRow
    room: Steps = ()

    @property
    def ready(self) -> Steps:
        return (*self.room, Step(statement=self.row.insert, shows=ROWS))

    def by(self, statement: str, shows: str = ROWS) -> Step:
        return Step(who=self.persona, statement=statement, shows=shows)


def find_taken_places(scene: Scene, sample: Sample) -> Iterator[Finding]:
    """For each two users, places and deeds."""
    return (found for pair in find_pairs(scene, sample) for found in _of(scene, pair))


def find_pairs(scene: Scene, sample: Sample) -> Iterator[Pair]:
    """Each two users in each two columns, where the one may write the other's."""
    owners = sorted(owner_columns(sample))
    for persona, other in permutations(scene.users if len(owners) > 1 else (), 2):
        strange = planted_row(sample, other)
        for mine, theirs in permutations(owners, 2):
            row = planted_row(sample, other, **{mine: persona.id})
            if not row or not strange or theirs not in sample.table.privileges[persona.role].update:
                continue
            rooms = tuple(Step(statement=make_room(sample, user)) for user in (persona, other))
            pair = Pair(
                sample=sample,
                persona=persona,
                other=other,
                mine=mine,
                theirs=theirs,
                row=row,
                strange=strange,
            )
            every = (replace(pair, room=room) for room in ((), rooms))
            yield from islice((one for one in every if plays(scene.session, one.ready)), 1)


def _of(scene: Scene, pair: Pair) -> Iterator[Finding]:
    """What was refused goes through with the other's place: by the same statement, or afterwards."""
    every = [one for one in (*_decided(scene, pair), *_removed(pair)) if _is_the_others(scene, pair, one[0])]
    for places in _places(pair):
        taken = pair.by(pair.row.update(places))
        ways = [
            (one, steps)
            for one in every
            for steps in ((_at_once(pair, places, one),), (taken, replace(one[0], shows=ROWS)))
        ]
        for (refused, column, value), steps in _alive(scene, pair, ways):
            shown = (*pair.ready, refused, *steps)
            if not plays(scene.session, shown) or _might_make_it(scene, pair, places, column, value):
                continue
            anybody = (*pair.room, Step(statement=pair.strange.insert), *steps)
            is_places = not plays(scene.session, anybody)
            if is_places and not needs_rank(scene, pair.sample, pair.persona, shown, entering=False):
                yield _tell(scene, pair, shown, places, column)


_Deed = tuple[Step, str, str]
"""What is refused; which column it sets to what, or "" where it removes the row."""


def _at_once(pair: Pair, places: Mapping[str, str | None], deed: _Deed) -> Step:
    refused, column, value = deed
    return pair.by(pair.row.update({**places, column: value})) if column else refused


def _is_the_others(scene: Scene, pair: Pair, refused: Step) -> bool:
    """Whether the other one does it where the row is as it is."""
    return plays(scene.session, (*pair.ready, replace(refused, who=pair.other, shows=ROWS)))


def _alive(scene: Scene, pair: Pair, ways: Sequence[tuple[_Deed, Steps]]) -> Iterator[tuple[_Deed, Steps]]:
    """Those that go through, asked in one flight."""
    ready = [*(step.statement for step in pair.ready), *become(pair.persona)]
    answers = scene.ask(None, [[*ready, *(step.statement for step in steps)] for _, steps in ways])
    for way, answer in zip(ways, answers, strict=True):
        if not answer.sqlstate and answer.counts[-1] > 0:
            yield way


def _places(pair: Pair) -> Iterator[dict[str, str | None]]:
    """The persona stands in both places, or the two change theirs."""
    both = {pair.theirs: pair.persona.id}
    for places in (both, both | {pair.mine: pair.other.id}):
        if places.keys() <= pair.sample.table.privileges[pair.persona.role].update:
            yield places


def _decided(scene: Scene, pair: Pair) -> Iterator[_Deed]:
    """Columns and values that the persona may not write from its own place."""
    sample = pair.sample
    held = sample.table.privileges[pair.persona.role].update
    tries: list[tuple[str, str]] = []
    for column in sample.table.columns.values():
        if column.name in held - naming_columns(sample) and not column.generated:
            values = values_for(scene, sample, column, besides=sample.rows[0].values[column.name])
            tries += [(column.name, value) for value in values[:_VALUES]]
    texts = [pair.row.update({name: value}) for name, value in tries]
    ready = [step.statement for step in pair.ready]
    answers = scene.ask(None, [[*ready, *become(pair.persona), text] for text in texts])
    for (name, value), text, answer in zip(tries, texts, answers, strict=True):
        if answer.sqlstate[:2] not in OF_VALUES and (answer.sqlstate or not answer.counts[-1]):
            yield pair.by(text, answer.sqlstate or NO_ROWS_SHOWN), name, value


def _removed(pair: Pair) -> Iterator[_Deed]:
    if pair.sample.table.privileges[pair.persona.role].delete:
        yield pair.by(pair.row.removal, NO_ROWS_SHOWN), "", ""


def _might_make_it(
    scene: Scene, pair: Pair, places: Mapping[str, str | None], column: str, value: str
) -> bool:
    """Whether such rows are the persona's to make, with whom it likes in these places, and to do so then."""
    sample, persona = pair.sample, pair.persona
    now = {pair.mine: persona.id, pair.theirs: pair.other.id}
    write = insert_of(sample, persona, sample.rows[0], **now)
    then = insert_of(sample, persona, sample.rows[0], **{**now, **places})
    if not write or not then or not plays(scene.session, (*pair.room, pair.by(write.statement))):
        return False
    name, there = sample.table.name, then.written
    change = f"update {name} as t set {quoted(column)} = {literal(value)} where {there}" if column else ""
    deed = pair.by(change or f"delete from {name} as t where {there}")
    return plays(scene.session, (*pair.room, pair.by(then.statement), deed))


def _tell(scene: Scene, pair: Pair, steps: Steps, places: Mapping[str, str | None], column: str) -> Finding:
    table, name, other = pair.sample.table, pair.persona.name, pair.other.name
    held = table.privileges[pair.persona.role]
    verbs = ("update",) if column else ("update", "delete")
    policies = [p for p in held.policies if p.command in (*verbs, "all")]
    deed = f"changes {column}" if column else "removes it"
    return Finding(
        rule="colleagues",
        object=pair.sample.object,
        columns=(*places, *([column] if column else [])),
        actions=verbs,
        who=tuple(user.name for user in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name}, who stands in {pair.mine} of a row in {table.name}, puts {name} into "
        f"{pair.theirs} instead of {other}, and {deed}, which was refused before.",
        steps=steps,
        cause=f"places {pair.sample.object}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(left_to_update(table, pair.persona.role, held.update - owner_columns(pair.sample)),),
    )
