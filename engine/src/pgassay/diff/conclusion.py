"""What a review of a change comes to, in sentences that every format ends or begins with."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.diff.review import Review


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
