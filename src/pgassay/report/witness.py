"""The witnesses of a review as scripts for psql."""

from __future__ import annotations

from pgassay.access.diff import AccessChange
from pgassay.access.review import Review
from pgassay.access.script import render_script
from pgassay.report.place import relative


def show_witness(review: Review, change: AccessChange) -> str:
    """What shows a change on a server with the schema and the world of HEAD; "" where nothing can."""
    head = review.head
    options = [f" --schema {relative(head.original(path))}" for path in head.config.schema]
    where = f" in a checkout of {head.revision}" if head.revision else ""
    return render_script(change, load=f"`pgassay up{''.join(options)}`{where}")


def witness_files(review: Review) -> dict[str, str]:
    """A script for each gain, by file name: numbered as in the reports."""
    scripts = [show_witness(review, change) for change in review.difference.gained]
    return {f"gained-{number:02d}.sql": text for number, text in enumerate(scripts, start=1) if text}
