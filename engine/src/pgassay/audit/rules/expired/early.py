"""Rows whose time has not come, and that strangers read: nothing asks for the moment from which they may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Step, Steps
from pgassay.audit.rules.expired.terms import compared_with_now
from pgassay.audit.scene import Scene
from pgassay.audit.words import is_release
from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, condition
from pgassay.observation import Persona

_ROWS = 3


@dataclass(frozen=True, kw_only=True)
class Early:
    """A column with such a moment, and who reads a row before it has come."""

    sample: Sample
    column: Column
    readers: tuple[Persona, ...]
    steps: Steps


def find_early(scene: Scene) -> Iterator[Early]:
    """Moments that are called so; none that begins with the present: that says when something was."""
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or not table.secured or sample.object != table.name or not sample.ownership:
            continue
        policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all")]
        asked = frozenset(name for p in policies for name in compared_with_now(p.using or ""))
        for column in table.columns.values():
            is_plain = column.base in MOMENTS and not column.generated and not column.default
            is_asked = column.name in asked or not is_release(column)
            if is_plain and not is_asked and (one := _read(scene, sample, column)):
                yield one


def _read(scene: Scene, sample: Sample, column: Column) -> Early | None:
    """A row that strangers read with a moment that has come, and as well with one that has not."""
    for row in [row for row in sample.rows if row.owners][:_ROWS]:
        where = condition(sample.key, row.key)
        text = statements.update(sample.table, column.name, "now() + interval '1 year'", where=where)
        look = f"select 1 from {sample.table.name} where {where}"
        later = Step(statement=text, shows=ROWS)
        readers = tuple(
            persona
            for persona in scene.people
            if persona.id not in row.owners
            and plays(scene.session, (later, Step(who=persona, statement=look, shows=ROWS)))
        )
        if readers and _is_open_to_all(scene, readers, row.owners):
            return Early(
                sample=sample,
                column=column,
                readers=readers,
                steps=(later, Step(who=readers[0], statement=look, shows=ROWS)),
            )
    return None


def _is_open_to_all(scene: Scene, readers: tuple[Persona, ...], owners: frozenset[str]) -> bool:
    """Whether all strangers read it: who alone does has a rank."""
    users = {persona for persona in scene.users if persona.id not in owners}
    return any(persona.id is None for persona in readers) or users <= set(readers)
