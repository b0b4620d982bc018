"""What shows a change, as plain SQL for psql. Pure."""

from __future__ import annotations

from pgassay.diff.difference import AccessChange
from pgassay.diff.outcome import Review
from pgassay.matrix.statements import become
from pgassay.render.text import relative


def render_script(change: AccessChange, *, load: str = "`pgassay up`") -> str:
    """Plain SQL for a server with the schema and the world of HEAD; "" where there is nothing to try.

    `load` says what loads these, for the comment at the top.
    """
    if change.witness is None and not change.setup:
        return ""
    tried = [*become(change.witness.persona), f"{change.witness.statement};"] if change.witness else []
    lines = [
        *(f"-- {line}" for line in change.message.splitlines()),
        f"-- Run it with psql on a database that {load} made; it leaves nothing behind.",
        "begin;",
        "set constraints all immediate;",
        *(f"{statement};" for statement in change.setup),
        *tried,
        *(("set local role none;",) if change.looks else ()),
        *(f"{look};" for look in change.looks),
        "rollback;",
    ]
    return "\n".join(lines) + "\n"


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
