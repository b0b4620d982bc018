"""Marks by which somebody else keeps a user out: a row that names him, a column that says something new."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pgassay.audit.planted import planted_row
from pgassay.audit.scene import Scene, own_condition, run
from pgassay.audit.writes import (
    fresh_columns,
    given_row,
    make_room,
    naming_columns,
    owner_columns,
    values_for,
)
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Constraint
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import MOMENTS, TEXTS, literal
from pgassay.observation import Persona

_VALUES = 8


@dataclass(frozen=True, kw_only=True)
class Blocking:
    """What the owner does so that nothing keeps the user out, and what then does; `by` another user."""

    sample: Sample
    cleared: tuple[str, ...]
    statement: str
    told: str
    by: Persona | None = None


class Blockings:
    """The marks of a scene. Each table and user is asked once: several rules come back to the same."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._found: dict[tuple[str, str], list[Blocking]] = {}

    def find(self, persona: Persona, only: Collection[str]) -> Iterator[Blocking]:
        """In these tables; none that the user may set or take away."""
        for sample in self._scene.samples:
            if sample.table.name in only and sample.table.kind in "rp" and owner_columns(sample):
                about = (persona.name, sample.object)
                if about not in self._found:
                    self._found[about] = list(_of_table(self._scene, sample, persona))
                yield from self._found[about]


def _of_table(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Blocking]:
    yield from (one for one in _rows(scene, sample, persona) if not is_own(scene, persona, one))
    yield from _columns(scene, sample, persona)


def find_named(scene: Scene, persona: Persona, only: Collection[str]) -> Iterator[Blocking]:
    """Rows of these tables that name the user below each row of another one; none that he may set himself."""
    for sample in scene.samples:
        if sample.table.name not in only or not owner_columns(sample):
            continue
        for key in sample.table.foreign_keys:
            parent = scene.sample_of.get(key.target or "")
            if parent is None or len(key.columns) != 1 or key.columns[0] in owner_columns(sample):
                continue
            for row in parent.rows[:_VALUES]:
                planted = planted_row(sample, persona, **{key.columns[0]: row.values[key.target_columns[0]]})
                if planted is None:
                    break
                mark = Blocking(
                    sample=sample,
                    cleared=(make_room(sample, persona),),
                    statement=planted.insert,
                    told=f"{sample.object} names {persona.name}",
                )
                if not is_own(scene, persona, mark):
                    yield mark


def is_own(scene: Scene, persona: Persona, mark: Blocking) -> bool:
    """Whether the user may set it himself, or it cannot be tried."""
    with scene.session.undone():
        ready = all(run(scene.session, None, text) for text in mark.cleared)
        return not ready or run(scene.session, persona, mark.statement)


def _rows(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Blocking]:
    """A row that names the user in one column, and in the others him who keeps him out."""
    owners = sorted(owner_columns(sample))
    room = (make_room(sample, persona),)
    if len(owners) == 1:
        yield from _row(
            sample, dict.fromkeys(owners, persona.id), room, f"{sample.object} names {persona.name}", None
        )
        return
    for name in owners:
        for other in (user for user in scene.users if user != persona):
            values = {one: persona.id if one == name else other.id for one in owners}
            told = f"{other.name} names {persona.name} in {sample.object}"
            yield from _row(sample, values, room, told, other)


def _row(
    sample: Sample, mine: Mapping[str, str | None], room: tuple[str, ...], told: str, by: Persona | None
) -> Iterator[Blocking]:
    row = next(iter(sample.rows), None)
    if row:
        fresh = fresh_columns(sample)
        values = {
            c.name: mine.get(c.name, row.changed[c.name] if c.name in fresh else row.values[c.name])
            for c in sample.table.columns.values()
            if not c.generated and c.identity != "a"
        }
        text = statements.insert(sample.table, values, overriding=False)
        yield Blocking(sample=sample, cleared=room, statement=text, told=told, by=by)


def _columns(scene: Scene, sample: Sample, persona: Persona) -> Iterator[Blocking]:
    """What something asks for, and what it does not say at first."""
    table = sample.table
    fixed = naming_columns(sample)
    own = own_condition(sample, persona)
    has = any(persona.id in row.owners for row in sample.rows)
    given = () if has else tuple(filter(None, [given_row(sample, persona)]))
    for column in table.columns.values():
        is_plain = column.base in (*MOMENTS, *TEXTS, "bool") or bool(column.labels)
        if not is_plain or column.name not in scene.said - fixed or column.generated:
            continue
        if column.not_null and not column.default:
            continue  # nothing says how it begins
        head = f"update {table.name} as t set {column.quoted} ="
        cleared = (*given, f"{head} {column.default or 'null'} where {own}")
        if _may_set(scene, persona, cleared, f"{head} {column.quoted} where {own}"):
            continue
        for value in _values(scene, sample, column):
            yield Blocking(
                sample=sample,
                cleared=cleared,
                statement=f"{head} {literal(value)} where {own}",
                told=f"{column.name} of {persona.name}'s row in {sample.object} is {value!r}",
            )


def _may_set(scene: Scene, persona: Persona, cleared: tuple[str, ...], touch: str) -> bool:
    with scene.session.undone():
        if not all(run(scene.session, None, text) for text in cleared):
            return True
        [answer] = scene.ask(persona, [[touch]])
    return not answer.sqlstate and answer.counts[0] > 0


def _values(scene: Scene, sample: Sample, column: Column) -> list[str]:
    if column.base in MOMENTS:
        return ["2999-01-01", "2001-02-03"]
    if column.base == "bool":
        return ["true", "false"]
    if column.labels:
        return list(column.labels[:_VALUES])
    checks = scene.catalog.parts(Constraint).get(sample.table.oid, ())
    said = find_literals(c.definition for c in checks if c.type == "c" and column.name in c.columns).strings
    return list(dict.fromkeys([*said, *values_for(scene, sample, column, besides=None)]))[:_VALUES]
