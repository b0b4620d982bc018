"""A review of a change as JUnit's suites: whether HEAD loads, then one a direction."""

from __future__ import annotations

from pgassay.diff.page_comparison import compare_schemas
from pgassay.diff.review import Review
from pgassay.matrix.model import Direction
from pgassay.matrix.page_comparison import Comparison, Entry
from pgassay.render.junit import Check, Suite, render_suites


def render_review_junit(review: Review) -> str:
    """What was gained fails, unless it is accepted; all else passes, with its witness as output."""
    comparison = compare_schemas(review)
    load = Suite(name="load", checks=(_load(comparison),))
    suites = [
        Suite(
            name=direction.value,
            checks=tuple(_check(entry, comparison) for entry in comparison.entries_of(direction)),
        )
        for direction in Direction
    ]
    return render_suites("pgassay diff", [load, *suites], seconds=review.seconds)


def _load(comparison: Comparison) -> Check:
    return Check(
        group="load",
        name=f"{comparison.head} loads",
        outcome="failure" if comparison.fault else "passed",
        message="It does not load." if comparison.fault else "",
        text=comparison.fault,
    )


def _check(entry: Entry, comparison: Comparison) -> Check:
    fails = entry.direction is Direction.GAINED and not comparison.accepted
    return Check(
        group=entry.cells[0].object if entry.cells else "whole schema",
        name=entry.message,
        outcome="failure" if fails else "passed",
        message=f"{entry.before} → {entry.after}" if entry.before else entry.message,
        text=entry.script,
        place=entry.place,
    )
