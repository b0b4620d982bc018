"""A review of a change for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pgassay.access.changes import SchemaChange
from pgassay.access.diff import AccessChange
from pgassay.access.model import CellKey
from pgassay.access.review import Review
from pgassay.access.script import render_script
from pgassay.errors import Place, printable
from pgassay.report.pages import render_review_page
from pgassay.report.place import relative

_HEADINGS = (("gained", "Gained"), ("lost", "Lost"), ("changed", "Changed"))


def render_review_text(review: Review) -> str:
    """A sentence for each difference, with its place and the witness of what was gained; then the verdict."""
    lines: list[str] = []
    for name, heading in _HEADINGS:
        for change in _changes(review, name):
            lines += [f"{_place(change)}{heading.lower()}: {change.message}"]
            lines += [f"    {line}" for line in _script(review, change).splitlines() if name == "gained"]
    lines += [f"{word}: {name}" for word, name in _objects(review)]
    lines += [f"schema: {change}" for change in review.difference.schema if not lines]
    return printable("\n".join([*lines, *([""] if lines else []), *_verdict(review)]) + "\n")


def render_review_markdown(review: Review) -> str:
    """The verdict first; each finding folded around its witness; what the schema itself changed last."""
    lines = ["## pgassay: access difference", "", *_verdict(review)]
    for name, heading in _HEADINGS:
        changes = _changes(review, name)
        lines += ["", f"### {heading}: {len(changes)}", ""] if changes else []
        for change in changes:
            lines += _folded(f"{_place(change)}{change.message}", _script(review, change))
    objects = [f"- {word}: `{name}`" for word, name in _objects(review)]
    lines += ["", "### Objects", "", *objects] if objects else []
    if review.difference.schema:
        lines += ["", *_folded("Changes of the schema itself", "\n".join(map(str, review.difference.schema)))]
    return printable("\n".join(lines) + "\n")


def render_review_json(review: Review) -> str:
    """The document that docs/json.md describes."""
    return json.dumps(review_document(review), indent=1, ensure_ascii=False) + "\n"


def review_document(review: Review) -> dict[str, Any]:
    """The same as values."""
    difference = review.difference
    return {
        "version": 1,
        "base": review.base.label,
        "head": review.head.label,
        "verdict": "problem" if review.exit_code else "good",
        "accepted": review.accepted,
        "fault": str(review.fault) if review.fault else None,
        **{name: [_change(review, change) for change in _changes(review, name)] for name, _ in _HEADINGS},
        "added": list(difference.added),
        "dropped": list(difference.dropped),
        "schema": [_schema_change(change) for change in difference.schema],
        "notes": [*review.base.notes, *review.head.notes],
        "tried": review.tried,
        "probes": review.probes,
        "seconds": round(review.seconds, 3),
    }


REVIEW_FORMATS: Mapping[str, Callable[[Review], str]] = {
    "text": render_review_text,
    "json": render_review_json,
    "markdown": render_review_markdown,
    "html": render_review_page,
}


def witness_files(review: Review) -> dict[str, str]:
    """A psql script for each gain, by file name: numbered as in the reports."""
    scripts = [_script(review, change) for change in review.difference.gained]
    return {f"gained-{number:02d}.sql": text for number, text in enumerate(scripts, start=1) if text}


def _changes(review: Review, name: str) -> Sequence[AccessChange]:
    difference = review.difference
    return {"gained": difference.gained, "lost": difference.lost, "changed": difference.changed}[name]


def _script(review: Review, change: AccessChange) -> str:
    return render_script(change, schemas=[str(relative(path)) for path in review.head.config.schema])


def _objects(review: Review) -> Iterator[tuple[str, str]]:
    yield from (("added", name) for name in review.difference.added)
    yield from (("dropped", name) for name in review.difference.dropped)


def _verdict(review: Review) -> Iterator[str]:
    if review.fault:
        yield f"HEAD, {review.head.label}, does not load.\n{review.fault}"
        return
    difference = review.difference
    counts = ", ".join(f"{len(_changes(review, name))} {name}" for name, _ in _HEADINGS)
    yield f"{review.base.label} → {review.head.label}: {counts}"
    yield from (*review.base.notes, *review.head.notes)
    if difference.gained and review.accepted:
        yield "What is gained stands in the baseline that comes with it: accepted."
    elif difference.gained:
        yield "Access was gained. If it is meant, accept it for reviewers to see: pgassay matrix --accept"
    elif review.tried:
        yield f"No gain found ({review.tried} statements tried with other rows and claims)."
    else:
        yield "No gain found."
    yield f"{review.probes} probes in {review.seconds:.2f} s"


def _place(change: AccessChange) -> str:
    return f"{_spelled(change.place)}  " if change.place else ""


def _spelled(place: Place) -> str:
    return f"{relative(place.file)}:{place.line}"


def _folded(summary: str, body: str) -> list[str]:
    text = summary.replace("&", "&amp;").replace("<", "&lt;")
    if not body:
        return [f"- {text}"]
    fence = "`" * 4 if "```" in body else "```"
    return [f"<details><summary>{text}</summary>", "", f"{fence}sql", body.rstrip(), fence, "", "</details>"]


def _change(review: Review, change: AccessChange) -> dict[str, Any]:
    witness = change.witness
    return {
        "message": change.message,
        "file": str(relative(change.place.file)) if change.place else None,
        "line": change.place.line if change.place else None,
        "before": change.before,
        "after": change.after,
        "cells": [_cell(key) for key in change.cells],
        "causes": [str(cause) for cause in change.causes],
        "witness": None
        if witness is None
        else {
            "persona": witness.persona.name,
            "statement": witness.statement,
            "row": witness.row,
            "script": _script(review, change),
        },
    }


def _cell(key: CellKey) -> dict[str, str]:
    return {
        "persona": key.persona,
        "object": key.object,
        "action": key.action.value,
        "column": key.variant,
        "rows": key.rows.value,
    }


def _schema_change(change: SchemaChange) -> dict[str, str | None]:
    return {
        "kind": change.key.kind,
        "object": change.key.object,
        "name": change.key.name,
        "change": change.kind.value,
        "property": change.property,
        "message": str(change),
    }
