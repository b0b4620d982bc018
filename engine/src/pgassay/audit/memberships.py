"""Tables of memberships: who belongs to which group, and as what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.audit.planted import planted_row
from pgassay.audit.scene import Scene, own_condition
from pgassay.audit.writes import make_room, naming_columns, owner_columns, values_for
from pgassay.catalog.model import Column
from pgassay.matrix.rows import Row, Sample
from pgassay.matrix.statements import NUMBERS, TEXTS, literal
from pgassay.observation import Persona

_VALUES = 8
_MOST = "30000"  # of a number that says as what: more than anything asks for


@dataclass(frozen=True, kw_only=True)
class Memberships:
    """A table of them, its column for the group, and the table of the groups."""

    sample: Sample
    group: str
    parent: Sample

    @property
    def target(self) -> str:
        """The column of the group that is named."""
        keys = self.sample.table.foreign_keys
        return next(key.target_columns[0] for key in keys if key.columns == (self.group,))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What gives a user one row and no other, as of a membership, and how to say as what.

    `is_first`: as a row begins, where something says how it does; else `column` is what says as what.
    """

    setup: tuple[str, ...]
    told: str
    is_first: bool
    column: str = ""


def find_memberships(scene: Scene) -> Iterator[Memberships]:
    """Each user is in a group once."""
    for sample in scene.samples:
        owners = owner_columns(sample)
        targets = {key.columns: key.target for key in sample.table.foreign_keys}
        for index in sample.table.unique:
            groups = [name for name in index.columns if name not in owners]
            parent = scene.sample_of.get(targets.get(tuple(groups)) or "") if len(groups) == 1 else None
            if parent and parent is not sample and owners & set(index.columns):
                yield Memberships(sample=sample, group=groups[0], parent=parent)


def is_shared(scene: Scene, one: Memberships, sample: Sample) -> bool:
    """Whether rows of a table belong to no group, and to no user either."""
    table = sample.table
    if table.kind not in "rp" or sample.object != table.name or not table.secured or sample.ownership:
        return False
    if one.group in table.columns or sample in (one.sample, one.parent):
        return False
    return {one.sample.table.name, one.parent.table.name}.isdisjoint(tables_above(scene, table.name))


def tables_above(scene: Scene, name: str) -> set[str]:
    """The tables to which foreign keys lead."""
    found, rest = {name}, [name]
    while rest:
        table = scene.surface.by_name.get(rest.pop())
        more = {key.target for key in table.foreign_keys if key.target} - found if table else set()
        found |= more
        rest += more
    return found


def is_below_own(scene: Scene, sample: Sample, row: Row, persona: Persona) -> bool:
    """Whether a row belongs to a row of the persona's own: what its rows say there is for it to decide."""
    for key in sample.table.foreign_keys:
        parent = scene.sample_of.get(key.target or "")
        if len(key.columns) == 1 and key.columns[0] not in owner_columns(sample) and parent:
            above = [
                one for one in parent.rows if one.values[key.target_columns[0]] == row.values[key.columns[0]]
            ]
            if any(persona.id in one.owners for one in above):
                return True
    return False


def standings(scene: Scene, sample: Sample, persona: Persona, **given: str | None) -> Iterator[Standing]:
    """As the persona's row begins, with what is given, then with each value of what something asks of it."""
    table = sample.table
    planted = planted_row(sample, persona, **given)
    if planted is None:
        return
    own = own_condition(sample, persona)
    begun = (make_room(sample, persona), planted.insert)
    asked = _asked(scene, sample)
    plain = ", ".join(f"{c.quoted} = default" for c in asked if c.default)
    first = (f"update {table.name} as t set {plain} where {own}",) if plain else ()
    told = f"who stands in {sample.object}"
    yield Standing(setup=(*begun, *first), told=told, is_first=all(c.default for c in asked))
    for column in asked:
        most = (_MOST,) if column.base in NUMBERS else ()
        for value in (*most, *values_for(scene, sample, column, besides=None)[:_VALUES]):
            text = f"update {table.name} as t set {column.quoted} = {literal(value)} where {own}"
            yield Standing(
                setup=(*begun, *first, text),
                told=f"{told} with {column.name} = {literal(value)}",
                is_first=False,
                column=column.name,
            )


def _asked(scene: Scene, sample: Sample) -> list[Column]:
    """Texts, labels, truth values and numbers that something asks for."""
    table = sample.table
    fixed = naming_columns(sample)
    return [
        c
        for c in table.columns.values()
        if c.name in scene.said - fixed and not c.generated
        if c.base in (*TEXTS, *NUMBERS, "bool") or c.labels
    ]
