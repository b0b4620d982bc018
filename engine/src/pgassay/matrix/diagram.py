"""The tables of a catalog as boxes and lines, ready to be drawn. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pgassay.catalog.tables import Catalog, ForeignKey, Table
from pgassay.matrix.layers import Layout, arrange
from pgassay.matrix.model import Action, Matrix, RowClass
from pgassay.matrix.relations import BETWEEN_LAYERS, MARGIN, Box, Layer, Line, Owning, Relation, Router

_CHARACTER = 7.25  # width in the monospaced face at 12 px
_PADDING = 12
_BETWEEN_BOXES = 18
_WIDTH_OF_LOOSE_BOXES = 900
_CLASSES = frozenset(rows.value for rows in RowClass)


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """Everything in pixels."""

    boxes: tuple[Box, ...]
    relations: tuple[Relation, ...]
    width: float
    height: float


def find_owning(matrix: Matrix, catalog: Catalog) -> Owning:
    """The columns by which rows change hands, as the matrix tried them: `user_id=another's`."""
    moved = {cell.key.object: set[str]() for cell in matrix.cells}
    for cell in matrix.cells:
        column, _, given = cell.key.variant.partition("=")
        if cell.key.action is Action.UPDATE and given in _CLASSES:
            moved[cell.key.object].add(column)
    return {
        table.spelled: frozenset(
            name
            for object_, names in moved.items()
            if object_ == table.spelled or object_.startswith(f"{table.spelled}[")  # a bucket
            for name in names
            if name in table.columns and not table.columns[name].labels
        )
        for table in catalog.tables.values()
    }


def draw_diagram(catalog: Catalog, owning: Owning) -> Diagram:
    """Tables with foreign keys in layers, their targets on the left; what has none in rows below."""
    shown = {t.oid: t for t in catalog.tables.values() if t.reachable or t.kind in "rp"}
    keys = [
        (t, key, shown[key.target]) for t in shown.values() for key in t.foreign_keys if key.target in shown
    ]
    joined = {table.oid for source, _, target in keys for table in (source, target)}
    drawn = [_box(table, keys, owning) for oid, table in shown.items() if oid in joined]
    loose = [
        _box(table, keys, owning) for oid, table in shown.items() if oid not in joined and table.reachable
    ]
    edges = [(source.spelled, target.spelled) for source, _, target in keys]
    layout = arrange({box.table: box.height for box in drawn}, edges, gap=_BETWEEN_BOXES)
    layers = _measure(drawn, layout)
    placed = {
        box.table: replace(box, x=layer.left, y=slot.top + MARGIN, width=layer.right - layer.left)
        for box in drawn
        for slot in (layout.nodes[box.table],)
        for layer in (layers[slot.layer],)
    }
    router = Router(boxes=placed, lanes=layout.lanes, layers=layers, owning=owning)
    right = max([_WIDTH_OF_LOOSE_BOXES, *(layer.right for layer in layers)])
    boxes = (*placed.values(), *_flow(loose, layout.height, right))
    return Diagram(
        boxes=boxes,
        relations=tuple(router.relation(*key) for key in keys),
        width=max((box.x + box.width for box in boxes), default=0) + BETWEEN_LAYERS,
        height=max((box.y + box.height for box in boxes), default=0) + MARGIN,
    )


def _box(table: Table, keys: Sequence[tuple[Table, ForeignKey, Table]], owning: Owning) -> Box:
    referred = {name for _, key, target in keys if target is table for name in key.target_columns}
    primary = {name for index in table.unique if index.primary for name in index.columns}
    foreign = {name for source, key, _ in keys if source is table for name in key.columns}
    owners = owning.get(table.spelled, frozenset())
    marks = {
        name: tuple(
            mark
            for mark, names in (("PK", primary), ("FK", foreign), ("\N{BLACK CIRCLE}", owners))
            if name in names
        )
        for name in table.columns
    }
    lines = tuple(
        Line(name=name, type=column.type, marks=marks[name])
        for name, column in table.columns.items()
        if marks[name] or name in referred
    )
    widest = max(
        [len(table.spelled) + 7, *(len(f"{li.name} {li.type}  {' '.join(li.marks)}") for li in lines)]
    )
    return Box(
        table=table.spelled,
        kind={"v": "view", "m": "view", "f": "foreign"}.get(table.kind, ""),
        lines=lines,
        rest=len(table.columns) - len(lines),
        width=round(widest * _CHARACTER) + 2 * _PADDING,
    )


def _measure(boxes: Iterable[Box], layout: Layout) -> list[Layer]:
    """Each layer as wide as its widest box, so that lines run only between layers."""
    widths: dict[int, float] = {}
    for box in boxes:
        layer = layout.nodes[box.table].layer
        widths[layer] = max(widths.get(layer, 0), box.width)
    layers, left = [], float(MARGIN)
    for _, width in sorted(widths.items()):
        layers.append(Layer(left=left, right=left + width))
        left += width + BETWEEN_LAYERS
    return layers


def _flow(boxes: Sequence[Box], below: float, right: float) -> Iterator[Box]:
    x, y, tallest = float(MARGIN), below + (2 * _BETWEEN_BOXES if below else MARGIN), 0.0
    for box in boxes:
        if x > MARGIN and x + box.width > right:
            x, y, tallest = float(MARGIN), y + tallest + _BETWEEN_BOXES, 0.0
        yield replace(box, x=x, y=y)
        x, tallest = x + box.width + _BETWEEN_BOXES, max(tallest, box.height)
