"""The executed difference of two schemas: who gained, who lost, what changed, and because of what. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pgassay.catalog.compare import Kind, SchemaChange, compare_inventories
from pgassay.catalog.definitions import Definitions, find_definitions
from pgassay.catalog.inventory import Inventory
from pgassay.database import Script
from pgassay.diff.causes import find_causes
from pgassay.diff.comparison import CellDifference, compare_cells
from pgassay.diff.sentences import clearest, collapse, describe, describe_answer
from pgassay.matrix.comparison import Entry
from pgassay.matrix.model import Direction, Matrix

Settle = Callable[[Iterable[CellDifference]], Sequence[CellDifference]]
"""Looks at differences again, with what comparing alone does not show."""

_CAUSES = 2  # in one sentence; all are in the list of changes
_OBJECTS = ("relation", "function", "type", "column")


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One schema as it was loaded: what it says, and what that lets everybody do."""

    inventory: Inventory
    matrix: Matrix


@dataclass(frozen=True, kw_only=True)
class AccessChange(Entry):
    """One sentence about the cells that moved in the same way, because of `causes`.

    `witness` shows it after the owner's statements in `setup` and before his `looks`, if any. `place` is in
    the files of HEAD.
    """

    setup: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    causes: tuple[SchemaChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """All that HEAD lets people do otherwise than BASE. `schema`: every change of the schema itself."""

    gained: tuple[AccessChange, ...] = ()
    lost: tuple[AccessChange, ...] = ()
    changed: tuple[AccessChange, ...] = ()
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    schema: tuple[SchemaChange, ...] = field(default=(), repr=False)

    @property
    def entries(self) -> tuple[AccessChange, ...]:
        return (*self.gained, *self.lost, *self.changed)


def diff_snapshots(
    base: Snapshot, head: Snapshot, scripts: Sequence[Script] = (), *, settle: Settle = tuple
) -> Difference:
    """Compare two schemas; `scripts` are the files of HEAD, for places.

    Says nothing of cells that could not be judged: look at `Matrix.errors` before.
    """
    changes = compare_inventories(base.inventory, head.inventory)
    differences = settle(compare_cells(base.matrix, head.matrix))
    teller = _Teller(
        base=base, head=head, changes=changes, places=find_definitions(scripts if differences else ())
    )
    gained, lost, changed = (
        tuple(map(teller.tell, collapse(one for one in differences if one.direction is direction)))
        for direction in Direction
    )
    return Difference(
        gained=(*_beyond_the_matrix(changes), *gained),
        lost=lost,
        changed=changed,
        added=tuple(_objects(changes, Kind.ADDED)),
        dropped=tuple(_objects(changes, Kind.DROPPED)),
        schema=changes,
    )


def _objects(changes: Iterable[SchemaChange], kind: Kind) -> Iterator[str]:
    """Objects, and columns of those that were there before."""
    relations = {c.key.object for c in changes if c.kind is kind and c.key.kind == "relation"}
    for change in changes:
        key = change.key
        of_new = key.kind == "column" and key.object in relations
        if change.kind is kind and key.kind in _OBJECTS and not of_new:
            yield f"{key.kind} {key.object}" + (f".{key.name}" if key.name else "")


def _beyond_the_matrix(changes: Iterable[SchemaChange]) -> Iterator[AccessChange]:
    """Roles belong to the whole cluster, and the API hands out what lies in a public bucket unasked."""
    for change in changes:
        if change.key.kind == "role":
            message = "Roles changed."
        elif change.key.kind == "bucket" and (change.property, change.after) == ("public", "true"):
            message = (
                f"Everybody can now read the objects of bucket {change.key.name}, and no policy is asked."
            )
        else:
            continue
        yield AccessChange(direction=Direction.GAINED, message=f"{message} {change}", causes=(change,))


@dataclass(frozen=True, kw_only=True)
class _Teller:
    """Makes findings of groups of cells."""

    base: Snapshot
    head: Snapshot
    changes: tuple[SchemaChange, ...]
    places: Definitions

    def tell(self, group: Sequence[CellDifference]) -> AccessChange:
        first = clearest(group)
        base, head = self.base.inventory, self.head.inventory
        causes = tuple(dict.fromkeys(cause for one in group for cause in self._causes(one)))[:_CAUSES]
        places = [place for cause in causes if (place := self.places.find(cause))]
        sentence = describe(group, base=base, head=head, columns=self._columns(first))
        return AccessChange(
            direction=first.direction,
            message=" ".join([sentence, *map(str, causes)]),
            cells=tuple(one.key for one in group),
            witness=first.witness,
            before=describe_answer(first.before),
            after=describe_answer(first.after),
            causes=causes,
            place=places[0] if places else None,
        )

    def _causes(self, one: CellDifference) -> tuple[SchemaChange, ...]:
        return find_causes(one, self.changes, base=self.base.inventory, head=self.head.inventory)

    def _columns(self, one: CellDifference) -> int:
        """How many columns the object has, as far as is known."""
        name = one.key.table
        return sum(
            key.kind == "column" and key.object == name
            for key in (self.head if one.after else self.base).inventory.objects
        )
