"""A rehearsed migration for people and for programs, after the review that it belongs to. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pgassay.access.review import Review
from pgassay.errors import Place, printable
from pgassay.migration.contents import TableChange
from pgassay.migration.locks import Lock
from pgassay.migration.rehearsal import Rehearsal
from pgassay.report.place import relative
from pgassay.report.review import render_review_markdown, render_review_text, review_document

_MARGIN, _WIDTH = 11, 80


def render_migration_text(review: Review, rehearsal: Rehearsal | None) -> str:
    """The review, then what the migration came to, subject by subject; None where HEAD does not load."""
    return render_review_text(review) + printable("\n".join(["", *_lines(rehearsal)]) + "\n")


def render_migration_markdown(review: Review, rehearsal: Rehearsal | None) -> str:
    """The same, with the migration in a block of its own."""
    title, *lines = _lines(rehearsal)
    block = ["", f"## {title}", "", *(["```", *lines, "```"] if lines else [])]
    return render_review_markdown(review) + printable("\n".join(block) + "\n")


def render_migration_json(review: Review, rehearsal: Rehearsal | None) -> str:
    """The document of `pgassay diff` with a field `migration`; docs/json.md describes both."""
    document = review_document(review) | {"migration": _document(rehearsal) if rehearsal else None}
    if rehearsal and rehearsal.exit_code:
        document["verdict"] = "problem"
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


MIGRATION_FORMATS: Mapping[str, Callable[[Review, Rehearsal | None], str]] = {
    "text": render_migration_text,
    "json": render_migration_json,
    "markdown": render_migration_markdown,
}


def _lines(rehearsal: Rehearsal | None) -> Iterator[str]:
    if rehearsal is None:
        yield "migration not rehearsed: HEAD does not load"
        return
    yield f"migration {relative(rehearsal.script.path)}: {'problem' if rehearsal.exit_code else 'good'}"
    if rehearsal.fault:
        yield from _subject("failed", str(rehearsal.fault).splitlines())
    elif rehearsal.run:
        yield from _subject("result", _result(rehearsal))
        rows = [_row_sentence(rehearsal, change) for change in rehearsal.run.rows]
        yield from _subject("rows", rows or ["none lost, none changed"])
        yield from _subject("rewritten", rehearsal.run.rewritten or ("no table",))
        yield from _subject("locks", _locks(rehearsal.run.locks, rehearsal.run.unseen))
    yield from _subject("unsafe", _unsafe(rehearsal))


def _subject(name: str, lines: Sequence[str]) -> Iterator[str]:
    """A subject and its lines, the first beside its name; long ones go on below, indented."""
    for number, line in enumerate(lines):
        label = f"  {name if number == 0 else '':{_MARGIN}}"
        below = " " * (len(label) + 2)
        yield textwrap.fill(
            line, _WIDTH, initial_indent=label, subsequent_indent=below, break_on_hyphens=False
        )


def _result(rehearsal: Rehearsal) -> list[str]:
    found = rehearsal.difference
    told = [f"has more access than HEAD: {one.message}" for one in found.gained]
    told += [f"has less access than HEAD: {one.message}" for one in found.lost]
    told += [f"answers otherwise than HEAD: {one.message}" for one in found.changed]
    if not rehearsal.strays:
        told = ["is HEAD, in catalog and matrix"]
    else:
        told = ["is not HEAD. From HEAD to the result:", *map(str, found.schema), *told]
    return told + [f"the columns of {name} stand in another order" for name in rehearsal.reordered]


def _row_sentence(rehearsal: Rehearsal, change: TableChange) -> str:
    counts = ((change.lost, "lost"), (change.changed, "changed"), (change.added, "added"))
    parts = [f"{number} {word}" for number, word in counts if number]
    if change.columns:
        parts[-1 - bool(change.added)] += f" ({', '.join(change.columns)})"
    parts += [f"values of {name} lost" for name in change.emptied]
    said = "" if rehearsal.intent.covers(change) else "; the migration does not say so"
    return f"{change.table}: {', '.join(parts)}{said}"


def _locks(locks: tuple[Lock, ...], unseen: tuple[Place, ...]) -> list[str]:
    lines = [
        f"{mode}, {blocks or 'no reads or writes'} wait: "
        + ", ".join(f"{lock.table} (line {lock.place.line})" for lock in some)
        for (mode, blocks), some in groupby(locks, key=lambda lock: (lock.spelled, lock.blocks))
    ]
    lines += [f"not seen: those of line {place.line}, which runs outside a transaction" for place in unseen]
    return lines or ["none"]


def _unsafe(rehearsal: Rehearsal) -> list[str]:
    if rehearsal.unsafe is None:
        return [rehearsal.without_squawk]
    return [f"line {one.place.line}: {one.message} [{one.rule}]" for one in rehearsal.unsafe] or [
        "nothing that squawk knows"
    ]


def _document(rehearsal: Rehearsal) -> dict[str, Any]:
    run, difference = rehearsal.run, rehearsal.difference
    unmeant = [change.table for change in rehearsal.unmeant]
    return {
        "file": str(relative(rehearsal.script.path)),
        "verdict": "problem" if rehearsal.exit_code else "good",
        "fault": str(rehearsal.fault) if rehearsal.fault else None,
        "differs": [
            *map(str, difference.schema),
            *(one.message for one in (*difference.gained, *difference.lost, *difference.changed)),
        ],
        "reordered": list(rehearsal.reordered),
        "rows": [_row_document(change) | {"stated": change.table not in unmeant} for change in run.rows]
        if run
        else [],
        "rewritten": list(run.rewritten) if run else [],
        "locks": [
            {"table": lock.table, "mode": lock.spelled, "blocks": lock.blocks, "line": lock.place.line}
            for lock in (run.locks if run else ())
        ],
        "unseen": [place.line for place in run.unseen] if run else [],
        "unsafe": None
        if rehearsal.unsafe is None
        else [{"rule": one.rule, "message": one.message, "line": one.place.line} for one in rehearsal.unsafe],
        "seconds": round(run.seconds, 3) if run else None,
    }


def _row_document(change: TableChange) -> dict[str, Any]:
    return {
        "table": change.table,
        "lost": change.lost,
        "added": change.added,
        "changed": change.changed,
        "columns": list(change.columns),
        "emptied": list(change.emptied),
    }
