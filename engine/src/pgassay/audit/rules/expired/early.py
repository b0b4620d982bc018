"""Rows whose time has not come, and that strangers read: nothing asks for the moment from which they may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pgassay.audit.confirmation import plays
from pgassay.audit.model import ROWS, Severity, Step, Steps
from pgassay.audit.rules.expired.releases import Said, name_says, publishes
from pgassay.audit.rules.expired.terms import compared_with_now
from pgassay.audit.scene import Scene
from pgassay.catalog.model import Column
from pgassay.catalog.tables import Table
from pgassay.matrix import statements
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import MOMENTS, condition
from pgassay.observation import Persona

_ROWS = 3


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where rows of a table are read: the table itself, or a view of it; `texts` say which of them."""

    sample: Sample
    table: Table
    texts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Early:
    """A column with such a moment, and who reads a row before it has come."""

    place: Place
    column: Column
    readers: tuple[Persona, ...]
    steps: Steps
    severity: Severity


def find_early(scene: Scene) -> Iterator[Early]:
    """Of each table the one whose name says most, in the first place where it is read."""
    for sample in scene.samples:
        if sample.table.kind not in "rp" or sample.object != sample.table.name:
            continue
        found = (
            early
            for place in _places(scene, sample)
            for said in Said
            for column in _moments(place)
            if name_says(column) is said and (early := _read(scene, place, column, said))
        )
        yield from islice(found, 1)


def _places(scene: Scene, sample: Sample) -> Iterator[Place]:
    """Views as far as they read with their owner's rights, and this table alone."""
    table = sample.table
    if table.secured:
        policies = [p for p in scene.policies.get(table.oid, ()) if p.command in ("select", "all")]
        yield Place(sample=sample, table=table, texts=tuple(p.using or "" for p in policies))
    for view in scene.surface.reachable:
        below = scene.inventory.reach(view.name) & scene.surface.by_name.keys() - {view.name}
        is_plain = view.kind == "v" and not view.invoker and below == {table.name}
        if is_plain and view.columns.keys() >= set(sample.key):
            yield Place(sample=sample, table=view, texts=(view.definition or "",))


def _moments(place: Place) -> list[Column]:
    asked = frozenset(name for text in place.texts for name in compared_with_now(text))
    columns = place.sample.table.columns.values()
    return [c for c in columns if c.base in MOMENTS and not c.generated and c.name not in asked]


def _read(scene: Scene, place: Place, column: Column, said: Said) -> Early | None:
    """A row that strangers read with a moment that has come, and as well with one that has not.

    What is not called so clearly counts beside what publishes a row; what is called otherwise, as the date of
    a concert is, only where whoever writes the row has to say it, and then as something to know.
    """
    sample = place.sample
    is_given = column.not_null and not column.default and column.base != "date"
    if said is Said.NOTHING and not (is_given and sample.ownership):
        return None
    for row in [row for row in sample.rows if row.owners or sample.ownership is None][:_ROWS]:
        where = condition(sample.key, row.key)
        text = statements.update(sample.table, column.name, "now() + interval '1 year'", where=where)
        look = f"select 1 from {place.table.name} where {where}"
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
        if is_clear or publishes(scene, sample, place.texts, readers[0], look):
            return Early(
                place=place,
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
