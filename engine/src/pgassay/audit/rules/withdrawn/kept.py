"""Rows that a mark takes from their owners, and others go on to read: one policy asks, another does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from pgassay.audit.confirmation import plays
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Step, Steps
from pgassay.audit.ranks import plain_updates
from pgassay.audit.reach import measure_seen
from pgassay.audit.scene import Scene
from pgassay.audit.writes import make_room, owner_columns, values_for
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Policy
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, TEXTS, condition, literal
from pgassay.observation import Persona

_ROWS = 3
_VALUES = 6
_SOME_MOMENT = "2001-02-03"


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Which policies do not ask for the column, and who reads by them what its owner no longer does."""

    sample: Sample
    column: Column
    owner: Persona
    reader: Persona
    policies: tuple[Policy, ...]
    steps: Steps


def find_kept(scene: Scene, sample: Sample) -> Kept | None:
    """The first column of which a value does so; whoever reads so by a rank is left out."""
    asked = {
        policy: find_literals([policy.using or ""]).words
        for policy in scene.policies.get(sample.table.oid, ())
        if policy.permissive and policy.command in ("select", "all")
    }
    fixed = {*sample.key, *owner_columns(sample)}
    fixed |= {name for key in sample.table.foreign_keys for name in key.columns}
    for column in sample.table.columns.values():
        silent = tuple(policy for policy, words in asked.items() if column.name not in words)
        if column.name in fixed or column.generated or not 0 < len(silent) < len(asked):
            continue
        for found in _tried(scene, sample, column, silent):
            return found
    return None


def _tried(scene: Scene, sample: Sample, column: Column, silent: tuple[Policy, ...]) -> Iterator[Kept]:
    asked = scene.inventory.reach(sample.table.name)
    for owner in scene.users:
        # An owner may be listed among those who read it, too.
        listed = [s for s in scene.samples if s is not sample and s.table.name in asked and owner_columns(s)]
        room = tuple(Step(statement=make_room(s, owner)) for s in listed if s.table.kind in "rp")
        for row in [row for row in sample.rows if owner.id in row.owners][:_ROWS]:
            readers = [
                p for p in scene.people if p.id not in row.owners and _sees_some(scene, sample, p, row)
            ]
            for value in _values(scene, sample, column, row) if readers else ():
                for reader, setup in product(readers, dict.fromkeys(((), room))):
                    steps = (*setup, *_steps(sample, column, (owner, reader), row, value))
                    if plays(scene.session, steps) and not _has_rank(scene, sample, reader, steps):
                        yield Kept(
                            sample=sample,
                            column=column,
                            owner=owner,
                            reader=reader,
                            policies=silent,
                            steps=steps,
                        )


def _values(scene: Scene, sample: Sample, column: Column, row: Row) -> Sequence[str]:
    if column.base in MOMENTS:
        return [] if column.not_null else [_SOME_MOMENT]
    if column.base in TEXTS or column.base == "bool" or column.labels:
        return values_for(scene, sample, column, besides=row.values[column.name])[:_VALUES]
    return []


def _steps(sample: Sample, column: Column, people: tuple[Persona, Persona], row: Row, value: str) -> Steps:
    owner, reader = people
    where = condition(sample.key, row.key)
    look = f"select 1 from {sample.table.name} where {where}"
    mark = statements.update(sample.table, column.name, literal(value), where=where)
    return (
        Step(who=owner, statement=look, shows=ROWS),
        Step(statement=mark, shows=ROWS),
        Step(who=owner, statement=look, shows=NO_ROWS_SHOWN),
        Step(who=reader, statement=look, shows=ROWS),
    )


def _sees_some(scene: Scene, sample: Sample, persona: Persona, row: Row) -> bool:
    """The row, and not all there are: who sees all has a rank, or they are for everybody."""
    visible = measure_seen(scene, persona, [sample.table.name]).seen.get(sample.object, frozenset())
    return row.key in visible and not {one.key for one in sample.rows} <= visible


def _has_rank(scene: Scene, sample: Sample, persona: Persona, steps: Steps) -> bool:
    """Whether it reads so only because of what its row in another table did not say at first."""
    asked = scene.inventory.reach(sample.table.name)
    ranked = (other for other in scene.samples if other is not sample and other.table.name in asked)
    return any(
        not plays(scene.session, (Step(statement=text), *steps))
        for other in ranked
        if any(persona.id in row.owners for row in other.rows)
        for text in plain_updates(scene, other, persona)
    )
