"""What a review of a change found: the difference, and whether the baseline of HEAD accepts it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pgassay.diff.difference import AccessChange, Difference, Settle, Snapshot, diff_snapshots
from pgassay.diff.loaded import read_scripts
from pgassay.errors import ExitCode, Place, SchemaError
from pgassay.matrix.assessment import load_accepted, load_baseline
from pgassay.matrix.baseline import compare
from pgassay.matrix.model import Matrix
from pgassay.plpgsql.definitions import Definitions, find_definitions
from pgassay.project.revisions import Side
from pgassay.world.model import NO_ROWS, World


@dataclass(frozen=True, kw_only=True)
class Review:
    """The judgement of a change. `fault`: HEAD does not load, and there is no difference to speak of.

    `accepted`: what is gained stands in the baseline that comes with HEAD. `tried`: statements of the search
    with other rows and claims; `conditions`: those that HEAD has otherwise, `unsolved`: of which of them it
    is not known whether they open anything. `world`: the rows that were made for it. `remarks`: how BASE was
    loaded, and what could not be searched. `seconds` is wall-clock time.
    """

    base: Side
    head: Side
    difference: Difference = field(default_factory=Difference)
    matrix: Matrix | None = None
    world: World = NO_ROWS
    fault: SchemaError | None = None
    accepted: bool = False
    tried: int = 0
    conditions: int = 0
    unsolved: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    probes: int = 0
    seconds: float = 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """All that a reader of the difference should know of how it came about."""
        sides = (*self._without_schema, *self.base.notes, *self.head.notes)
        return tuple(dict.fromkeys((*sides, *self.remarks)))

    @property
    def _without_schema(self) -> Iterator[str]:
        if self.base.is_empty:
            yield f"{self.base.label} has no schema yet: everything in {self.head.label} is new."
        if self.head.is_empty:
            yield f"{self.head.label} has no schema: everything in {self.base.label} is gone."

    @property
    def exit_code(self) -> ExitCode:
        unaccepted = self.difference.gained and not self.accepted
        return ExitCode.SCHEMA_PROBLEM if self.fault or unaccepted else ExitCode.GOOD


def judge(base: Side, head: Side, before: Snapshot, after: Snapshot, *, settle: Settle = tuple) -> Review:
    """What the change from one surveyed schema to the other means. Reads the files of HEAD, and no more."""
    difference = diff_snapshots(before, after, read_scripts(head), settle=settle)
    return Review(
        base=base,
        head=head,
        difference=difference,
        matrix=after.matrix,
        accepted=is_accepted(head, difference.gained, after.matrix),
        probes=before.matrix.probes + after.matrix.probes,
    )


def add_gains(found: Review, more: Iterable[AccessChange]) -> Review:
    """With gains that no cell shows."""
    gained = tuple(more)
    places = find_definitions(read_scripts(found.head) if gained else ())
    placed = tuple(replace(gain, place=_find_place(places, gain)) for gain in gained)
    assert found.matrix, "HEAD does not load"
    difference = replace(found.difference, gained=(*found.difference.gained, *placed))
    accepted = is_accepted(found.head, difference.gained, found.matrix)
    return replace(found, difference=difference, accepted=accepted)


def _find_place(places: Definitions, gain: AccessChange) -> Place | None:
    return next(filter(None, (places.find(one.key, one.property) for one in gain.causes)), None)


def without(found: Review, gains: Collection[AccessChange]) -> Review:
    """What chance let through once: the search says that it may."""
    gained = tuple(gain for gain in found.difference.gained if gain not in gains)
    return replace(found, difference=replace(found.difference, gained=gained))


def is_accepted(head: Side, gained: Sequence[AccessChange], matrix: Matrix) -> bool:
    """Whether the baseline tells of all that is gained: in cells, or, where no cell shows it, in words."""
    if not gained:
        return False
    accepted = load_baseline(head.config)
    words = load_accepted(head.config)
    return (
        accepted is not None
        and all(change.cells or change.message in words for change in gained)
        and not (any(change.cells for change in gained) and compare(matrix, accepted))
    )
