"""What the HTML page and other reports show of the difference between two schemas. Pure."""

from __future__ import annotations

from pgassay.diff.difference import AccessChange
from pgassay.diff.review import Review
from pgassay.diff.witness import show_witness
from pgassay.matrix.model import Direction
from pgassay.matrix.page_comparison import Comparison, Entry


def compare_schemas(review: Review) -> Comparison:
    """Of `pgassay diff`."""
    difference = review.difference
    told = (
        (Direction.GAINED, difference.gained),
        (Direction.LOST, difference.lost),
        (Direction.CHANGED, difference.changed),
    )
    return Comparison(
        base=review.base.label,
        head=review.head.label,
        entries=tuple(_entry(review, direction, one) for direction, changes in told for one in changes),
        added=difference.added,
        dropped=difference.dropped,
        notes=(*review.base.notes, *review.head.notes),
        accepted=review.accepted,
        fault=str(review.fault or ""),
    )


def _entry(review: Review, direction: Direction, change: AccessChange) -> Entry:
    return Entry(
        direction=direction,
        message=change.message,
        place=change.place,
        cells=change.cells,
        before=change.before,
        after=change.after,
        witness=change.witness,
        script=show_witness(review, change),
    )
