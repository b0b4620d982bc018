"""A review of a change for people and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pgassay.catalog.compare import SchemaChange
from pgassay.diff.difference import AccessChange
from pgassay.diff.review import Review, show_witness
from pgassay.errors import printable
from pgassay.matrix.comparison import Comparison, Entry
from pgassay.matrix.model import Direction, Matrix
from pgassay.matrix.page import render_matrix_html
from pgassay.matrix.report import key_document
from pgassay.render.annotation import Annotation, Level, note, render_annotations
from pgassay.render.json import dump, place_fields
from pgassay.render.junit import Check, Suite, render_suites
from pgassay.render.markdown import escape, fence, fold
from pgassay.render.place import spell
from pgassay.render.text import wrap

_LONGEST = 60_000  # characters: a comment on GitHub has at most 65,536


def render_review_text(review: Review) -> str:
    """A sentence for each difference, with its place and the witness of what was gained; then the verdict."""
    comparison = compare_schemas(review)
    lines = [line for entry in comparison.entries for line in _lines(entry)]
    lines += [f"{word}: {name}" for word, name in comparison.objects]
    lines += [f"schema: {change}" for change in review.difference.schema if not lines]
    lines += [""] if lines and lines[-1] else []
    return printable("\n".join([*lines, *conclude_review(review)]) + "\n")


def _lines(entry: Entry) -> Iterator[str]:
    yield wrap(f"{spell(entry.place)}  {entry.direction.value}: {entry.message}".lstrip())
    if entry.direction is Direction.GAINED and entry.script:
        # Without the sentence at its top, which stands above it.
        yield from (f"    {line}" for line in entry.script.splitlines()[len(entry.message.splitlines()) :])
        yield ""


def render_review_markdown(review: Review) -> str:
    """The verdict first; each finding folded around its witness; what the schema itself changed last."""
    lines = ["## pgassay: access difference"]
    if review.fault:
        lines += ["", f"HEAD, {escape(review.head.label)}, does not load.", "", *fence(str(review.fault))]
    else:
        lines += [line for sentence in conclude_review(review) for line in ("", escape(sentence))]
    comparison = compare_schemas(review)
    blocks = [*_blocks(comparison), *_objects(comparison, review.difference.schema)]
    return printable("\n".join([*lines, *_fit(blocks)]) + "\n")


def _blocks(comparison: Comparison) -> Iterator[list[str]]:
    for direction in Direction:
        above = ["", f"### {direction.value.capitalize()}: {comparison.count(direction)}", ""]
        for entry in comparison.entries_of(direction):
            summary = f"{spell(entry.place)}  {entry.message}".lstrip()
            yield [*above, *fold(summary, entry.script, language="sql")]
            above = []


def _objects(comparison: Comparison, changes: Sequence[SchemaChange]) -> Iterator[list[str]]:
    objects = [f"- {word}: <code>{escape(name)}</code>" for word, name in comparison.objects]
    if objects:
        yield ["", "### Objects", "", *objects]
    if changes:
        yield ["", *fold("Changes of the schema itself", "\n".join(map(str, changes)))]


def _fit(blocks: Sequence[Sequence[str]]) -> list[str]:
    """As many blocks as a comment holds, and how many more there are."""
    lines: list[str] = []
    left = _LONGEST
    for number, block in enumerate(blocks):
        left -= sum(len(line) + 1 for line in block)
        if left < 0:
            return [*lines, "", f"{len(blocks) - number} more do not fit here; the other reports have them."]
        lines += block
    return lines


def render_review_page(review: Review) -> str:
    """What is different, and the matrix of HEAD."""
    matrix = review.matrix or Matrix(cells=(), gaps=(), probes=0, seconds=0)
    return render_matrix_html(matrix, compare_schemas(review), title="Access difference")


def render_review_json(review: Review) -> str:
    """The document that docs/json.md describes."""
    return dump(**review_document(review))


def review_document(review: Review) -> dict[str, Any]:
    """The same as values."""
    difference = review.difference
    return {
        "base": review.base.label,
        "head": review.head.label,
        "verdict": review.exit_code.word,
        "accepted": review.accepted,
        "fault": review.fault and str(review.fault),
        "gained": [_change(review, change) for change in difference.gained],
        "lost": [_change(review, change) for change in difference.lost],
        "changed": [_change(review, change) for change in difference.changed],
        "added": difference.added,
        "dropped": difference.dropped,
        "schema": [_schema_change(change) for change in difference.schema],
        "notes": review.notes,
        "tried": review.tried,
        "probes": review.probes,
        "seconds": round(review.seconds, 3),
    }


def render_review_junit(review: Review) -> str:
    """What was gained fails, unless it is accepted; all else passes, with its witness as output."""
    comparison = compare_schemas(review)
    load = Suite(name="load", checks=(_check_of_load(comparison),))
    suites = [
        Suite(
            name=direction.value,
            checks=tuple(_check(entry, comparison) for entry in comparison.entries_of(direction)),
        )
        for direction in Direction
    ]
    return render_suites("pgassay diff", [load, *suites], seconds=review.seconds)


def _check_of_load(comparison: Comparison) -> Check:
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


def render_review_github(review: Review) -> str:
    """An error for each gain on the line that caused it, or a warning where it is accepted."""
    return render_annotations([*_annotations(review), note("diff", "\n".join(conclude_review(review)))])


def _annotations(review: Review) -> Iterator[Annotation]:
    comparison = compare_schemas(review)
    if review.fault:
        title, message = "pgassay: HEAD does not load", comparison.fault
        yield Annotation(level="error", title=title, message=message, place=review.fault.place)
        return
    yield from (_annotate(entry, comparison) for entry in comparison.entries)


def _annotate(entry: Entry, comparison: Comparison) -> Annotation:
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


REVIEW_FORMATS: Mapping[str, Callable[[Review], str]] = {
    "text": render_review_text,
    "json": render_review_json,
    "markdown": render_review_markdown,
    "html": render_review_page,
    "junit": render_review_junit,
    "github": render_review_github,
}


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
    yield from review.notes
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


def compare_schemas(review: Review) -> Comparison:
    """Of `pgassay diff`."""
    difference = review.difference
    return Comparison(
        base=review.base.label,
        head=review.head.label,
        entries=tuple(replace(one, script=show_witness(review, one)) for one in difference.entries),
        added=difference.added,
        dropped=difference.dropped,
        notes=review.notes,
        accepted=review.accepted,
        fault=str(review.fault or ""),
    )


def _change(review: Review, change: AccessChange) -> dict[str, Any]:
    witness = change.witness
    return {
        "message": change.message,
        **place_fields(change.place),
        "before": change.before,
        "after": change.after,
        "cells": map(key_document, change.cells),
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


def _schema_change(change: SchemaChange) -> dict[str, str | None]:
    return {
        "kind": change.key.kind,
        "object": change.key.object,
        "name": change.key.name,
        "change": change.kind.value,
        "property": change.property,
        "message": str(change),
    }
