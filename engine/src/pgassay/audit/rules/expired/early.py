"""Rows whose time has not come, and that strangers read: nothing asks for the moment from which they may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Severity, Step, Steps
from pgassay.audit.rules.expired.releases import Said, name_says, publishes
from pgassay.audit.rules.expired.terms import compared_with_now
from pgassay.audit.scene import Scene
from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
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
    severity: Severity


def find_early(scene: Scene) -> Iterator[Early]:
    """Of each table the one whose name says most."""
    for sample in scene.samples:
        table = sample.table
        if table.kind not in "rp" or not table.secured or sample.object != table.name:
            continue
        policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all")]
        asked = frozenset(name for p in policies for name in compared_with_now(p.using or ""))
        columns = [
            c for c in table.columns.values() if c.base in MOMENTS and not c.generated and c.name not in asked
        ]
        found = (_read(scene, sample, column, said) for said in Said for column in columns
                 if name_says(column) is said)  # fmt: skip
        if one := next(filter(None, found), None):
            yield one


def _read(scene: Scene, sample: Sample, column: Column, said: Said) -> Early | None:
    """A row that strangers read with a moment that has come, and as well with one that has not.

    What is not called so clearly counts beside what publishes a row; what is called otherwise, as the date of
    a concert is, only where whoever writes the row has to say it, and then as something to know.
    """
    is_given = column.not_null and not column.default and column.base != "date"
    if said is Said.NOTHING and not (is_given and sample.ownership):
        return None
    for row in [row for row in sample.rows if row.owners or sample.ownership is None][:_ROWS]:
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
        if not readers or not _is_open_to_all(scene, readers, row):
            continue
        is_clear = said is Said.CLEARLY and sample.ownership is not None
        if is_clear or publishes(scene, sample, readers[0], look):
            return Early(
                sample=sample,
                column=column,
                readers=readers,
                steps=(later, Step(who=readers[0], statement=look, shows=ROWS)),
                severity=Severity.INFO if said is Said.NOTHING else Severity.MEDIUM,
            )
    return None


def _is_open_to_all(scene: Scene, readers: tuple[Persona, ...], row: Row) -> bool:
    """Whether all strangers read it: who alone does has a rank."""
    users = {persona for persona in scene.users if persona.id not in row.owners}
    return any(persona.id is None for persona in readers) or users <= set(readers)
