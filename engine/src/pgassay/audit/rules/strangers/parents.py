"""Rows that everybody reads, below rows of which some are hidden from the reader."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgassay.audit.calls import hidden_rows
from pgassay.audit.confirmation import plays
from pgassay.audit.meant import is_open
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Step, Steps
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.writes import owner_columns
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import condition, literal
from pgassay.observation import Persona


@dataclass(frozen=True, kw_only=True)
class Below:
    """Why, what shows it, the policies that ask for the row above, and who reads what is below it then."""

    why: str
    steps: Steps
    repair: tuple[str, ...]
    kept: tuple[Steps, ...]


def find_below(scene: Scene, sample: Sample, readers: Sequence[Persona]) -> Below | None:
    """The first reader of a row that belongs to another user's row which he may not see."""
    return next(_all_below(scene, sample, readers), None)


def _all_below(scene: Scene, sample: Sample, readers: Sequence[Persona]) -> Iterator[Below]:
    for key in sample.table.foreign_keys:
        parent = scene.sample_of.get(key.target or "")
        if len(key.columns) != 1 or key.columns[0] in owner_columns(sample) or parent is None:
            continue
        if parent.ownership is None or parent.key != key.target_columns or parent is sample:
            continue
        for reader in readers if _is_closed(scene, parent) else ():
            seen = measure_seen(scene, reader, [parent.table.name])
            for above in hidden_rows(parent, seen):
                if above.owners and reader.id not in above.owners:
                    yield from _below(scene, (sample, parent), key.columns[0], above.key, reader)


def _below(
    scene: Scene, tables: tuple[Sample, Sample], column: str, above: tuple[str | None, ...], reader: Persona
) -> Iterator[Below]:
    """A row that is there, or one that is put there."""
    sample, parent = tables
    rows = sorted(sample.rows, key=lambda row: row.values[column] != above[0])
    for row in rows[:1]:
        named = condition(sample.key, row.key)
        move = statements.update(sample.table, column, literal(above[0]), where=named)
        setup = () if row.values[column] == above[0] else (Step(statement=move, shows=ROWS),)
        top = f"select 1 from {parent.table.name} where {condition(parent.key, above)}"
        low = f"select 1 from {sample.table.name} where {named}"
        steps = (
            *setup,
            Step(who=reader, statement=top, shows=NO_ROWS_SHOWN),
            Step(who=reader, statement=low, shows=ROWS),
        )
        if plays(scene.session, steps):
            kept = (
                (*setup, Step(who=p, statement=top, shows=ROWS), Step(who=p, statement=low, shows=ROWS))
                for p in scene.users
            )
            yield Below(
                why=f"they belong to rows of {parent.object} that {reader.name} may not read",
                steps=steps,
                repair=_repair(sample, parent, column, reader),
                kept=tuple(some for some in kept if plays(scene.session, some)),
            )


def _repair(sample: Sample, parent: Sample, column: str, reader: Persona) -> tuple[str, ...]:
    """Whoever reads the row above reads what is below it."""
    table, [key] = sample.table, parent.key
    test = f"above.{quoted(key)} = {quoted(table.relation)}.{quoted(column)}"
    return tuple(
        f"alter policy {p.quoted} on {table.name} "
        f"using (exists (select from {parent.table.name} as above where {test}))"
        for p in table.privileges[reader.role].policies
        if p.command == "select" and is_open(table, p)
    )


def _is_closed(scene: Scene, sample: Sample) -> bool:
    """Whether a condition tells whose rows may be read: users see their own, and not all."""
    for persona in scene.users:
        visible = measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, frozenset())
        mine = {row.key for row in sample.rows if persona.id in row.owners}
        if mine & visible and not {row.key for row in sample.rows} <= visible:
            return True
    return False
