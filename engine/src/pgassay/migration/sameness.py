"""Whether what a migration made is HEAD. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.inventory import Inventory
from pgassay.diff.difference import Difference, Snapshot, diff_snapshots
from pgassay.matrix.model import Cell, CellResult

_ORDER = "order of columns"

Touched = Mapping[str, frozenset[str]]
"""By table, the columns that the migration added or changed values of."""


@dataclass(frozen=True, kw_only=True)
class Sameness:
    """What the result has, or lets people do, otherwise than HEAD, and tables with only another order."""

    difference: Difference
    reordered: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        found = self.difference
        return not (found.schema or found.gained or found.lost or found.changed)


def compare_with_head(head: Snapshot, result: Snapshot, touched: Touched) -> Sameness:
    """Compare catalogs and matrices. Rows that only the migration touched are not told apart by how."""
    before, after = (_comparable(snapshot, touched) for snapshot in (head, result))
    difference = diff_snapshots(before, after)
    return Sameness(
        difference=replace(difference, schema=tuple(_without_parts(difference.schema))),
        reordered=tuple(_reordered(head.inventory, result.inventory)),
    )


def _comparable(snapshot: Snapshot, touched: Touched) -> Snapshot:
    objects = {
        key: {name: value for name, value in properties.items() if name != _ORDER}
        for key, properties in snapshot.inventory.objects.items()
    }
    cells = tuple(_cell_alike(cell, touched) for cell in snapshot.matrix.cells)
    return Snapshot(
        inventory=replace(snapshot.inventory, objects=objects), matrix=replace(snapshot.matrix, cells=cells)
    )


def _reordered(head: Inventory, result: Inventory) -> Iterator[str]:
    """ALTER TABLE can only add at the end, so this is no fault."""
    for key, properties in head.objects.items():
        one, other = properties.get(_ORDER, ""), result.objects.get(key, {}).get(_ORDER, "")
        if one != other and sorted(one.split(", ")) == sorted(other.split(", ")):
            yield key.object


def _cell_alike(cell: Cell, touched: Touched) -> Cell:
    """A view shows columns of tables, by whatever name it likes: there all names count."""
    everywhere = frozenset[str]().union(*touched.values())
    columns = touched.get(cell.key.object, everywhere)
    return replace(cell, results=tuple(_result_alike(result, columns) for result in cell.results))


def _result_alike(result: CellResult, columns: frozenset[str]) -> CellResult:
    tries = (
        replace(one, state={name: value for name, value in one.state.items() if name not in columns})
        for one in result.tries
    )
    return replace(result, tries=tuple(tries))


def _without_parts(changes: Sequence[SchemaChange]) -> Iterator[SchemaChange]:
    """Without the parts of relations that came or went as a whole."""
    whole = {
        change.key.object
        for change in changes
        if change.key.kind == "relation" and change.kind in (ChangeKind.ADDED, ChangeKind.DROPPED)
    }
    return (change for change in changes if change.key.kind == "relation" or change.key.object not in whole)
