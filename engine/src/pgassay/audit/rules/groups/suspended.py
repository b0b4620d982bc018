"""Members who are out: the membership says so, and they read on what is below their group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgassay.audit.confirmation import plays
from pgassay.audit.memberships import Memberships
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import given_row, naming_columns, values_for
from pgassay.catalog.model import Column
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, TEXTS, condition, literal
from pgassay.observation import Persona

_VALUES = 12


@dataclass(frozen=True, kw_only=True)
class Below:
    """A table of memberships, the table of their groups, and one whose rows belong to a group by `column`."""

    members: Sample
    group: str
    parent: Sample
    sample: Sample
    column: str


def still_read(scene: Scene, below: Below, persona: Persona) -> tuple[str, Steps] | None:
    """The column that says that a member is out, and what shows it."""
    for column in _columns(scene, below.members):
        for value in _values(scene, below.members, column):
            for steps in _steps(below, persona, column, value):
                if plays(scene.session, steps):
                    return column.name, steps
    return None


def _columns(scene: Scene, members: Sample) -> list[Column]:
    """What a condition asks of a membership besides who and where."""
    table = members.table
    fixed = naming_columns(members)
    return [
        c
        for c in table.columns.values()
        if c.name in scene.said - fixed and not c.generated
        if c.base in (*MOMENTS, *TEXTS, "bool") or c.labels
    ]


def _values(scene: Scene, members: Sample, column: Column) -> list[str]:
    if column.base in MOMENTS:
        return ["2001-02-03", "2999-01-01"]
    return values_for(scene, members, column, besides=None)[:_VALUES]


def _steps(below: Below, persona: Persona, column: Column, value: str) -> Iterator[Steps]:
    """In each of its groups: the persona reads both, is marked, and reads what is below alone."""
    members = below.members
    out = f"update {members.table.name} as t set {column.quoted} = {literal(value)}"
    mine = own_condition(members, persona)
    for row, given in _memberships(members, persona):
        group = row.values[below.group]
        some = [one for one in below.sample.rows if one.values[below.column] == group][:1]
        above = f"select 1 from {below.parent.table.name} where {condition(below.parent.key, (group,))}"
        for one in some:
            look = f"select 1 from {below.sample.table.name} where {condition(below.sample.key, one.key)}"
            yield (
                *given,
                Step(who=persona, statement=above, shows=ROWS),
                Step(statement=f"{out} where {mine}", shows=ROWS),
                Step(who=persona, statement=above, shows=NO_ROWS_SHOWN),
                Step(who=persona, statement=look, shows=ROWS),
                Step(statement=f"delete from {members.table.name} as t where {mine}", shows=ROWS),
                Step(who=persona, statement=look, shows=NO_ROWS_SHOWN),
            )


def _memberships(members: Sample, persona: Persona) -> Iterator[tuple[Row, Steps]]:
    own = [row for row in members.rows if persona.id in row.owners]
    yield from ((row, ()) for row in own)
    if not own and (given := given_row(members, persona)):
        yield members.rows[0], (Step(statement=given),)


def given_memberships(members: Sample, persona: Persona) -> Iterator[Steps]:
    """What gives it one; nothing for each that it has."""
    yield from (given for _, given in _memberships(members, persona))


def read_below(scene: Scene, one: Memberships, persona: Persona) -> Iterator[tuple[str, Sample, Steps]]:
    """What is read, though the group is hidden, as long as the membership is there: by what, and how."""
    members, parent = one.sample, one.parent
    names = scene.dependents(members.table.name) - {members.table.name, parent.table.name}
    mine = own_condition(members, persona)
    leave = Step(statement=f"delete from {members.table.name} as t where {mine}", shows=ROWS)
    for column in _columns(scene, members) if names and parent.key == (one.target,) else ():
        for value in _values(scene, members, column):
            out = f"update {members.table.name} as t set {column.quoted} = {literal(value)} where {mine}"
            for row, given in _memberships(members, persona):
                named = condition(parent.key, (row.values[one.group],))
                above = Step(
                    who=persona, statement=f"select 1 from {parent.table.name} where {named}", shows=ROWS
                )
                hidden = replace(above, shows=NO_ROWS_SHOWN)
                marked = (*given, above, Step(statement=out, shows=ROWS), hidden)
                if plays(scene.session, marked):
                    for sample, look in _looks(scene, persona, (*given, marked[-2]), leave, names):
                        seen = Step(who=persona, statement=look, shows=ROWS)
                        steps = (*marked, seen, leave, replace(seen, shows=NO_ROWS_SHOWN))
                        if plays(scene.session, steps):
                            yield column.name, sample, steps


def _looks(
    scene: Scene, persona: Persona, marking: Steps, leave: Step, names: frozenset[str]
) -> Iterator[tuple[Sample, str]]:
    """A row of each table that is read as long as the membership is there."""
    with scene.session.undone():
        if not all(run(scene.session, step.who, step.statement) for step in marking):
            return
        marked = measure_seen(scene, persona, names).seen
        if not run(scene.session, None, leave.statement):
            return
        without = measure_seen(scene, persona, names).seen
    for name, keys in marked.items():
        sample = scene.sample_of[name]
        own = {row.key for row in sample.rows if persona.id in row.owners}
        for key in sorted(keys - without.get(name, frozenset()) - own, key=str)[:1]:
            yield sample, f"select 1 from {sample.table.name} where {condition(sample.key, key)}"
