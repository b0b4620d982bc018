"""Boxes of a diagram, and the lines between them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pgassay.catalog.tables import ForeignKey, Table
from pgassay.matrix.layers import LANE, Edge, Slot

ROW = 20
HEAD = 30
MARGIN = 8
BETWEEN_LAYERS = 72

Owning = Mapping[str, frozenset[str]]
"""By table, the columns in which its path to the user begins."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One column of a box. `marks`: what it is, such as PK."""

    name: str
    type: str
    marks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A table: its keys and the columns that make it somebody's; `rest` counts the others."""

    table: str
    kind: str
    lines: tuple[Line, ...]
    rest: int
    x: float = 0
    y: float = 0
    width: float = 0

    @property
    def height(self) -> float:
        return HEAD + ROW * (len(self.lines) + bool(self.rest)) + 6

    def line_y(self, column: str) -> float:
        """The middle of a column's line."""
        places = [line.name for line in self.lines]
        return self.y + HEAD + ROW * (places.index(column) + 0.5)


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A foreign key: in words, and as the path of an SVG line. `owning`: part of a path to the user."""

    text: str
    path: str
    owning: bool


@dataclass(frozen=True, kw_only=True)
class Layer:
    """From where to where the boxes of a layer go."""

    left: float
    right: float


@dataclass(frozen=True, kw_only=True)
class Router:
    """Finds the way of each foreign key between placed boxes; `lanes` lead through the layers between."""

    boxes: Mapping[str, Box]
    lanes: Mapping[Edge, tuple[Slot, ...]]
    layers: Sequence[Layer]
    owning: Owning

    def relation(self, source: Table, key: ForeignKey, target: Table) -> Relation:
        """From the column's line in `source` to the column's line in `target`."""
        start, end = self.boxes[source.spelled], self.boxes[target.spelled]
        place = _telling(source, key)
        ends = start.line_y(key.columns[place]), end.line_y(key.target_columns[place])
        passes_layers = (start.table, end.table) in self.lanes
        columns, target_columns = ", ".join(key.columns), ", ".join(key.target_columns)
        return Relation(
            text=f"{start.table} ({columns}) → {end.table} ({target_columns})",
            path=self._through(start, end, *ends) if passes_layers else _around(start, end, *ends),
            owning=self.owning.get(source.spelled, frozenset()).issuperset(key.columns),
        )

    def _through(self, start: Box, end: Box, from_y: float, to_y: float) -> str:
        """From the left side of one box along the lanes to the right side of the other."""
        x, y = start.x, from_y
        path = f"M{x:g} {y:g}"
        for lane in self.lanes[start.table, end.table]:
            layer, lane_y = self.layers[lane.layer], lane.top + MARGIN + LANE / 2
            path += f"{_curve(x, y, layer.right, lane_y)}H{layer.left:g}"
            x, y = layer.left, lane_y
        return path + _curve(x, y, end.x + end.width, to_y)


def _telling(source: Table, key: ForeignKey) -> int:
    """The column that tells a key from the table's others, which often share the user's id."""
    shared = {name for other in source.foreign_keys if other is not key for name in other.columns}
    return next((n for n, name in enumerate(key.columns) if name not in shared), 0)


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = (x - to_x) / 2
    return f"C{x - bend:g} {y:g} {to_x + bend:g} {to_y:g} {to_x:g} {to_y:g}"


def _around(start: Box, end: Box, from_y: float, to_y: float) -> str:
    """A bow on the right: a table that refers to itself, or a circle of foreign keys."""
    x, to_x = start.x + start.width, end.x + end.width
    bow = max(x, to_x) + BETWEEN_LAYERS * 0.6
    return f"M{x:g} {from_y:g}C{bow:g} {from_y:g} {bow:g} {to_y:g} {to_x:g} {to_y:g}"
