"""Columns of a user's own row that decide what else the user reaches, whatever they say as things are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from pgassay.audit.confirmation import plays
from pgassay.audit.memberships import is_below_own
from pgassay.audit.model import ROWS, Step, Steps
from pgassay.audit.reach import Reach, measure
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import (
    LISTS,
    Write,
    given_row,
    inserts_with_another,
    make_room,
    naming_columns,
    owner_columns,
    values_for,
)
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, NUMBERS, TEXTS, become, literal
from pgassay.observation import Persona

_FAR = {
    **dict.fromkeys(NUMBERS, ("0", "30000", "100000")),
    **dict.fromkeys(MOMENTS, ("2001-02-03", "2999-01-01")),
    **dict.fromkeys(("json", "jsonb"), ("{}",)),
}
_MOST = 10
_OBJECTS = "storage.objects"  # their policies ask for folders: a name may be one


def prepared_updates(
    scene: Scene, sample: Sample, persona: Persona, only: Collection[str]
) -> Iterator[tuple[Steps, Write]]:
    """For each such column what the owner does before, and the user's update after which more is reached."""
    if sample.table.kind not in "rp" or sample.object != sample.table.name or not owner_columns(sample):
        return
    for given in _givens(scene, sample, persona):
        for column in _columns(scene, sample, persona, given, only):
            yield from _pair(scene, _Own(sample=sample, persona=persona, column=column, given=given), only)


def _givens(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Steps]:
    """What gives the persona a row of its own where it has none; it begins itself what names others too."""
    if len(owner_columns(sample)) > 1:
        another = next((other for other in scene.users if other != persona), persona)
        for write in (write for group in inserts_with_another(sample, persona, another) for write in group):
            yield (Step(who=persona, statement=write.statement, shows=ROWS),)
        return
    own = [row for row in sample.rows if persona.id in row.owners]
    kept = [row for row in sample.rows if not is_below_own(scene, sample, row, persona)]
    if own and all(row in kept for row in own):
        yield ()
    elif statement := given_row(replace(sample, rows=tuple(kept)), persona):
        room = (Step(statement=make_room(sample, persona)),) if own else ()
        yield (*room, Step(statement=statement))


def play(scene: Scene, steps: Steps) -> bool:
    """Whether all go through; their effects stay."""
    return all(run(scene.session, step.who, step.statement) for step in steps)


def deciding_words(scene: Scene, only: Collection[str]) -> frozenset[str]:
    """All words of what decides who reaches these tables."""
    reach = frozenset().union(*map(scene.inventory.reach, only)) | frozenset(only)
    tables = [table for table in scene.surface.tables.values() if table.name in reach]
    policies = (policy for table in tables for policy in scene.policies.get(table.oid, ()))
    texts = [text for policy in policies for _, text in policy.clauses]
    texts += [f.text for name in reach if (f := scene.functions.get(name)) and scene.is_ours(f)]
    texts += [table.definition for table in tables if table.definition]
    return find_literals(texts).words


def _columns(
    scene: Scene, sample: Sample, persona: Persona, given: Steps, only: Collection[str]
) -> list[Column]:
    """What something asks for, and the persona changes in a row of its own."""
    table = sample.table
    fixed = naming_columns(sample)
    columns = [
        c
        for c in table.columns.values()
        if c.name in table.privileges[persona.role].update & deciding_words(scene, only) - fixed
        and not c.generated
        if c.base in (*_FAR, *TEXTS, *LISTS, "bool") or c.labels
    ]
    if not columns:
        return []
    with scene.session.undone():
        if not play(scene, given):
            return []
        touches = [[_update(sample, persona, c, c.quoted)] for c in columns]
        answers = scene.ask(persona, touches)
        pairs = list(zip(columns, touches, answers, strict=True))
        return [
            column
            for column, touch, answer in pairs
            if not answer.sqlstate and (answer.counts[0] > 0 or _once(scene, sample, persona, column, touch))
        ]


def _once(scene: Scene, sample: Sample, persona: Persona, column: Column, touch: list[str]) -> bool:
    """Whether the persona may change it where it says something else."""
    held = sample.table.privileges[persona.role].policies
    asked = find_literals(p.using or "" for p in held if p.command in ("update", "all")).words
    if sample.table.secured and not asked:
        return False
    values = values_for(scene, sample, column, besides=None)[:_MOST]
    texts = [_update(sample, persona, column, literal(value)) for value in values]
    answers = scene.ask(None, [[text, *become(persona), *touch] for text in texts])
    return any(not answer.sqlstate and answer.counts[-1] > 0 for answer in answers)


def _update(sample: Sample, persona: Persona, column: Column, value: str) -> str:
    own = own_condition(sample, persona)
    return f"update {sample.table.name} as t set {column.quoted} = {value} where {own}"


@dataclass(frozen=True, kw_only=True)
class _Own:
    """A column that a persona changes in a row of its own, after what gives it one."""

    sample: Sample
    persona: Persona
    column: Column
    given: Steps

    def update(self, value: str) -> str:
        return _update(self.sample, self.persona, self.column, literal(value))


def _pair(scene: Scene, own: _Own, only: Collection[str]) -> Iterator[tuple[Steps, Write]]:
    """The first two values of which the second opens more than the first."""
    values = values_for(scene, own.sample, own.column, besides=None)[:_MOST]
    reaches: list[tuple[str, Reach]] = []
    paths = [f"{own.persona.id}/1"] if own.column.base in TEXTS and _OBJECTS in only else []
    for value in dict.fromkeys([*_FAR.get(own.column.base, ()), *values, *paths]):
        with scene.session.undone():
            if play(scene, (*own.given, Step(statement=own.update(value)))):
                reaches.append((value, measure(scene, own.persona, only)))
    for before, less in reaches:
        for after, more in reaches:
            if _reaches_more(less, more) and _changes(scene, own, before, after):
                write = Write(
                    sample=own.sample,
                    verb="update",
                    statement=own.update(after),
                    row=_own_row(own.sample, own.persona),
                    values={own.column.name: after},
                    column=own.column.name,
                )
                yield (*own.given, Step(statement=own.update(before))), write
                return


def needs_rank_first(scene: Scene, write: Write, persona: Persona) -> bool:
    """Whether the persona may not change the column where it says what a row begins with."""
    column = write.sample.table.columns[write.column]
    begun = _update(write.sample, persona, column, column.default or "null")
    touch = _update(write.sample, persona, column, column.quoted)
    [answer] = scene.ask(None, [[begun, *become(persona), touch]])
    return not answer.sqlstate and answer.counts[0] > 0 and answer.counts[-1] == 0


def _changes(scene: Scene, own: _Own, before: str, after: str) -> bool:
    """Whether the persona itself may do so."""
    update = Step(who=own.persona, statement=own.update(after), shows=ROWS)
    return plays(scene.session, (*own.given, Step(statement=own.update(before)), update))


def _own_row(sample: Sample, persona: Persona) -> Row:
    return next((row for row in sample.rows if persona.id in row.owners), sample.rows[0])


def _reaches_more(less: Reach, more: Reach) -> bool:
    seen = any(keys - less.seen.get(name, frozenset()) for name, keys in more.seen.items())
    return seen or any(count > less.written.get(key, 0) for key, count in more.written.items())
