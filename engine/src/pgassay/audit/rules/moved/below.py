"""Rows that a user puts below a row of another one, which he may not read himself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from pgassay.audit.calls import hidden_rows
from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.writes import fresh_columns, insert_of, owner_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona

_ROWS = 4
_HIDDEN = 3
_VALUES = 6


def planted_below(
    scene: Scene, sample: Sample, column: str, persona: Persona, other: Persona
) -> Iterator[Steps]:
    """The persona does not read the row above, the other one does; and reads what is put below it."""
    table = sample.table
    key = next((k for k in table.foreign_keys if k.columns == (column,)), None)
    parent = scene.sample_of.get(key.target or "") if key else None
    if key is None or parent is None or parent is sample or parent.key != key.target_columns:
        return
    if parent.table.kind not in "rp" or not parent.table.secured or "insert" not in table.writable:
        return
    for above, setup in islice(_hidden(scene, parent, persona, other), _HIDDEN):
        top = f"select 1 from {parent.table.name} where {condition(parent.key, above.key)}"
        for row in sample.rows[:_ROWS]:
            write = insert_of(sample, persona, row, **{column: above.key[0]})
            if write is None:
                break
            look = f"select 1 from {table.name} as t where {write.written}"
            steps = (
                *setup,
                Step(who=persona, statement=top, shows=NO_ROWS_SHOWN),
                Step(who=other, statement=top, shows=ROWS),
                Step(who=other, statement=look, shows=NO_ROWS_SHOWN),
                Step(who=persona, statement=write.statement, shows=ROWS),
                Step(who=other, statement=look, shows=ROWS),
            )
            if plays(scene.session, steps):
                yield steps


def _hidden(scene: Scene, parent: Sample, persona: Persona, other: Persona) -> Iterator[tuple[Row, Steps]]:
    """Rows that are hidden as things are; then those that the schema's owner hides by what policies ask."""
    seen = measure_seen(scene, persona, [parent.table.name])
    theirs = [row for row in parent.rows if persona.id not in row.owners]
    hidden = [row for row in hidden_rows(parent, seen) if row in theirs]
    yield from ((row, ()) for row in hidden if _is_between(scene, parent, row, (persona, other), ()))
    policies = [p for p in scene.policies.get(parent.table.oid, ()) if p.command in ("select", "all")]
    asked = find_literals(p.using or "" for p in policies).words
    fixed = {*parent.key, *owner_columns(parent), *fresh_columns(parent)}
    fixed |= {name for key in parent.table.foreign_keys for name in key.columns}
    columns = [c for c in parent.table.columns.values() if c.name in asked - fixed and not c.generated]
    for row in [row for row in theirs if other.id in row.owners][:_HIDDEN]:
        where = condition(parent.key, row.key)
        for column in columns:
            for value in islice(values_for(scene, parent, column, besides=row.values[column.name]), _VALUES):
                text = statements.update(parent.table, column.name, literal(value), where=where)
                setup = (Step(statement=text, shows=ROWS),)
                if _is_between(scene, parent, row, (persona, other), setup):
                    yield row, setup


def _is_between(
    scene: Scene, parent: Sample, row: Row, people: tuple[Persona, Persona], setup: Steps
) -> bool:
    """Whether the one does not read the row, and the other does."""
    look = f"select 1 from {parent.table.name} where {condition(parent.key, row.key)}"
    shows = zip(people, (NO_ROWS_SHOWN, ROWS), strict=True)
    return plays(scene.session, (*setup, *(Step(who=who, statement=look, shows=one) for who, one in shows)))
