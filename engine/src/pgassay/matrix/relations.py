"""Tables, what they refer to, and the columns by which their rows belong to a user. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pgassay.catalog.model import RELATION_KINDS
from pgassay.catalog.tables import Surface, Table
from pgassay.matrix.model import Action, Matrix, RowClass

_CLASSES = frozenset(rows.value for rows in RowClass)

Owning = Mapping[str, frozenset[str]]
"""By table, the columns in which its path to the user begins."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A foreign key in words. `owning`: it is part of a path to the user."""

    text: str
    owning: bool


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A table or view: its primary key, the columns that make its rows somebody's, its foreign keys."""

    name: str
    kind: str
    columns: int
    primary: tuple[str, ...]
    owning: tuple[str, ...]
    references: tuple[Reference, ...]


def name_kinds(surface: Surface) -> dict[str, str]:
    """What each object is, in words."""
    return {table.name: RELATION_KINDS[table.kind] for table in surface.tables.values()}


def find_owning(matrix: Matrix) -> Owning:
    """The columns by which rows change hands, as the matrix tried them: `user_id=another's`."""
    moved: dict[str, set[str]] = {}
    for cell in matrix.cells:
        column, _, given = cell.key.variant.partition("=")
        if cell.key.action is Action.UPDATE and given in _CLASSES:
            moved.setdefault(cell.key.table, set()).add(column)
    return {
        table.name: frozenset(
            name
            for name in moved.get(table.name, ())
            if name in table.columns and not table.columns[name].labels
        )
        for table in matrix.surface.tables.values()
    }


def list_relations(surface: Surface, owning: Owning) -> tuple[Relation, ...]:
    """The tables, and the views that the API serves, in the order of their names."""
    shown = (table for table in surface.tables.values() if table.reachable or table.kind in "rp")
    return tuple(
        Relation(
            name=table.name,
            kind=RELATION_KINDS[table.kind],
            columns=len(table.columns),
            primary=next((index.columns for index in table.unique if index.primary), ()),
            owning=tuple(name for name in table.columns if name in owning.get(table.name, ())),
            references=tuple(_references(table, owning.get(table.name, frozenset()))),
        )
        for table in sorted(shown, key=lambda table: table.name)
    )


def _references(table: Table, owning: frozenset[str]) -> Iterator[Reference]:
    for key in table.foreign_keys:
        text = f"({', '.join(key.columns)}) → {key.target} ({', '.join(key.target_columns)})"
        yield Reference(text=text, owning=owning.issuperset(key.columns))
