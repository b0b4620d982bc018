"""A review of a change for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pgassay.catalog.compare import SchemaChange
from pgassay.diff.conclusion import conclude_review
from pgassay.diff.difference import AccessChange
from pgassay.diff.page import render_review_page
from pgassay.diff.page_comparison import compare_schemas
from pgassay.diff.report_github import render_review_github
from pgassay.diff.report_junit import render_review_junit
from pgassay.diff.report_markdown import render_review_markdown
from pgassay.diff.review import Review
from pgassay.diff.witness import show_witness
from pgassay.errors import printable
from pgassay.matrix.model import CellKey, Direction
from pgassay.matrix.page_comparison import Entry
from pgassay.render.place import relative, spell
from pgassay.render.text import wrap


def render_review_text(review: Review) -> str:
    """A sentence for each difference, with its place and the witness of what was gained; then the verdict."""
    comparison = compare_schemas(review)
    lines = [line for entry in comparison.entries for line in _entry(entry)]
    lines += [f"{word}: {name}" for word, name in comparison.objects]
    lines += [f"schema: {change}" for change in review.difference.schema if not lines]
    lines += [""] if lines and lines[-1] else []
    return printable("\n".join([*lines, *conclude_review(review)]) + "\n")


def _entry(entry: Entry) -> Iterator[str]:
    yield wrap(f"{spell(entry.place)}  {entry.direction.value}: {entry.message}".lstrip())
    if entry.direction is Direction.GAINED and entry.script:
        # Without the sentence at its top, which stands above it.
        yield from (f"    {line}" for line in entry.script.splitlines()[len(entry.message.splitlines()) :])
        yield ""


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
        "gained": [_change(review, change) for change in difference.gained],
        "lost": [_change(review, change) for change in difference.lost],
        "changed": [_change(review, change) for change in difference.changed],
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
    "junit": render_review_junit,
    "github": render_review_github,
}


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
            "script": show_witness(review, change),
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
