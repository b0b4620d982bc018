"""Limits that are counted in rows which their user sets aside, and takes back once there are others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.acts import number_setups, reach_of, tables_of
from pgassay.audit.confirmation import plays
from pgassay.audit.model import OF_VALUES, ROWS, Finding, Severity, Step, Steps
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import (
    Write,
    left_to_update,
    make_room,
    naming_columns,
    own_inserts,
    owner_columns,
    values_for,
)
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, ObjectKey, Policy
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, TEXTS, literal
from pgassay.observation import Persona

_LIMIT = 20  # the largest that is tried
_FEW = 2
_SETUPS, _WRITES, _VALUES = 4, 3, 4


@dataclass(frozen=True, kw_only=True)
class _Full:
    """After the setup so many INSERTs of one row each go through, and the next one is refused."""

    write: Write
    persona: Persona
    setup: tuple[str, ...]
    number: int
    code: str

    @property
    def steps(self) -> Steps:
        once = Step(who=self.persona, statement=self.write.statement, shows=ROWS)
        return (
            *(Step(statement=text) for text in self.setup),
            *(once,) * self.number,
            Step(who=self.persona, statement=self.write.statement, shows=self.code),
        )


def find_set_aside(scene: Scene) -> Iterator[Finding]:
    """One finding for each table of whose rows a user may have so many."""
    for sample in scene.samples:
        if sample.table.kind in "rp" and owner_columns(sample) and sample.object == sample.table.name:
            tries = (f for persona in scene.users for f in _of(scene, sample, persona))
            yield from islice(tries, 1)


def _of(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Finding]:
    reach = reach_of(scene, sample.table)
    policies: list[Policy] = scene.policies.get(sample.table.oid, [])
    texts = [f.text for name in reach if (f := scene.functions.get(name)) and scene.is_ours(f)]
    numbers = find_literals([*texts, *(text for p in policies for _, text in p.clauses)]).numbers
    small = [int(n) for n in numbers if n.isdigit() and 0 < int(n) <= _LIMIT]
    counts = any("count" in find_literals([text]).words for text in texts)
    columns = list(_columns(scene, sample, persona)) if counts else []
    if not columns:
        return
    room = (make_room(sample, persona),)
    asked = islice(number_setups(scene, tables_of(scene, reach) - {sample.table.name}, (str(_FEW),)), _SETUPS)
    for setup in (room, *((*room, *one) for one in asked)):
        for write in islice(own_inserts(sample, persona), _WRITES):
            full = _fill(scene, persona, write, setup, max([_FEW, *small]))
            for column in columns if full else ():
                if full and (found := _try(scene, full, column)):
                    yield found


def _columns(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Column]:
    table = sample.table
    fixed = naming_columns(sample)
    for column in table.columns.values():
        is_plain = column.base in (*TEXTS, *MOMENTS, "bool") or bool(column.labels)
        is_said = column.name in (table.privileges[persona.role].update & scene.said) - fixed
        if is_plain and is_said and not column.generated:
            yield column


def _fill(scene: Scene, persona: Persona, write: Write, setup: tuple[str, ...], limit: int) -> _Full | None:
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in setup):
            return None
        for number in range(limit + 1):
            [answer] = scene.ask(persona, [[write.statement]])
            if answer.sqlstate:
                code = answer.sqlstate
                is_limit = number > 0 and not code.startswith(OF_VALUES)
                full = _Full(write=write, persona=persona, setup=setup, number=number, code=code)
                return full if is_limit else None
            run(scene.session, persona, write.statement)
    return None


def _try(scene: Scene, full: _Full, column: Column) -> Finding | None:
    """All are set aside, one more goes through, and all are taken back."""
    write, persona = full.write, full.persona
    own = own_condition(write.sample, persona)
    values = write.values
    first = literal(values[column.name]) if column.name in values else "default"
    update = f"update {write.sample.table.name} as t set {column.quoted} = "
    others = values_for(scene, write.sample, column, besides=values.get(column.name))[:_VALUES]
    others += ["2001-02-03"] if column.base in MOMENTS else []
    for value in others:
        steps = (
            *full.steps,
            Step(who=persona, statement=f"{update}{literal(value)} where {own}", shows=ROWS),
            Step(who=persona, statement=write.statement, shows=ROWS),
            Step(who=persona, statement=f"{update}{first} where {own}", shows=ROWS),
            Step(who=persona, statement=write.statement, shows=full.code),
        )
        if plays(scene.session, steps):
            return _tell(scene, full, column, steps)
    return None


def _tell(scene: Scene, full: _Full, column: Column, steps: Steps) -> Finding:
    sample, persona = full.write.sample, full.persona
    table, name = sample.table, persona.name
    policies = [p for p in table.privileges[persona.role].policies if p.command in ("update", "all")]
    left = table.privileges[persona.role].update - {column.name}
    return Finding(
        rule="depends",
        object=sample.object,
        columns=(column.name,),
        actions=("update",),
        who=tuple(p.name for p in scene.users),
        severity=Severity.MEDIUM,
        sentence=f"{name} has as many rows of {table.name} as may be ({full.code}), sets {column.name} of "
        "them, inserts another one, and sets it back: the limit is not asked for then.",
        steps=steps,
        cause=f"own update {sample.object} {column.name}",
        about=(*(p.key for p in policies), ObjectKey(kind="relation", object=table.name, name="")),
        candidates=(left_to_update(table, persona.role, left),),
    )
