"""What a run comes to, in sentences that every format ends or begins with."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.access.assessment import Assessment
from pgassay.access.model import Gap
from pgassay.access.review import Review
from pgassay.report.place import relative


def conclude_review(review: Review) -> Iterator[str]:
    """The counts, what was taken from elsewhere, and whether that is good; or why there is no difference."""
    if review.fault:
        yield f"HEAD, {review.head.label}, does not load.\n{review.fault}"
        return
    difference = review.difference
    yield (
        f"{review.base.label} → {review.head.label}: {len(difference.gained)} gained, "
        f"{len(difference.lost)} lost, {len(difference.changed)} changed"
    )
    yield from (*review.base.notes, *review.head.notes)
    yield _judge(review)
    yield f"{review.probes} probes in {review.seconds:.2f} s"


def _judge(review: Review) -> str:
    if review.difference.gained and review.accepted:
        return "What is gained stands in the baseline that comes with it: accepted."
    if review.difference.gained:
        searched = any(change.witness and not change.cells for change in review.difference.gained)
        row = "give the world a row that shows it, and " if searched else ""
        return (
            f"Access was gained. If it is meant, {row}accept it for reviewers to see: pgassay matrix --accept"
        )
    if review.tried:
        return f"No gain found ({review.tried} statements tried with other rows and claims)."
    return "No gain found."


def conclude_assessment(assessment: Assessment) -> str:
    """How much was tried, and how much of it is not as accepted."""
    matrix = assessment.matrix
    run = f"{len(matrix.cells)} cells from {matrix.probes} probes in {matrix.seconds:.2f} s"
    if assessment.baseline is None:
        return f"{run}; no baseline"
    name = relative(assessment.baseline)
    count = len(assessment.differences)
    return f"{run}; {f'{count} not as in {name}' if count else f'all as in {name}'}"


def name_gaps(gaps: tuple[Gap, ...]) -> Iterator[str]:
    """One line for each table and class of row, with all personas that it concerns."""
    by_question: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        by_question.setdefault((gap.object, gap.rows.value, gap.why), []).append(gap.persona)
    for (name, rows, why), personas in sorted(by_question.items()):
        yield f"no row to try: {name}, {rows} ({', '.join(personas)}){f': {why}' if why else ''}"
