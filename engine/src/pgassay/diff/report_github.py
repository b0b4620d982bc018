"""A review of a change as annotations on GitHub."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.diff.conclusion import conclude_review
from pgassay.diff.page_comparison import compare_schemas
from pgassay.diff.review import Review
from pgassay.matrix.model import Direction
from pgassay.matrix.page_comparison import Comparison, Entry
from pgassay.render.annotation import Annotation, Level, note, render_annotations


def render_review_github(review: Review) -> str:
    """An error for each gain on the line that caused it, or a warning where it is accepted."""
    return render_annotations([*_of_review(review), note("diff", "\n".join(conclude_review(review)))])


def _of_review(review: Review) -> Iterator[Annotation]:
    comparison = compare_schemas(review)
    if review.fault:
        title, message = "pgassay: HEAD does not load", comparison.fault
        yield Annotation(level="error", title=title, message=message, place=review.fault.place)
        return
    yield from (_of_entry(entry, comparison) for entry in comparison.entries)


def _of_entry(entry: Entry, comparison: Comparison) -> Annotation:
    witness = entry.witness
    lines = [entry.message, *([f"As {witness.persona.name}: {witness.statement}"] if witness else [])]
    return Annotation(
        level=_level(entry, comparison),
        title=f"pgassay: access {entry.direction.value}",
        message="\n".join(lines),
        place=entry.place,
    )


def _level(entry: Entry, comparison: Comparison) -> Level:
    if entry.direction is not Direction.GAINED:
        return "notice"
    return "warning" if comparison.accepted else "error"
