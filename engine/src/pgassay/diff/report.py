"""A review of a change as a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from textwrap import indent
from typing import Any

from pgassay.catalog.compare import SchemaChange
from pgassay.diff.difference import AccessChange
from pgassay.diff.outcome import Review
from pgassay.diff.witness_scripts import show_witness
from pgassay.matrix.baseline import ACCEPTED
from pgassay.matrix.model import Comparison, Direction, Entry, Matrix
from pgassay.matrix.page import render_matrix_html
from pgassay.matrix.report import key_document
from pgassay.render.ci import Annotation, Check, Level, Suite, note
from pgassay.render.json import place_fields
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries, quote_message


def report_review(review: Review) -> Report:
    """Each difference with its place and the witness of it; what the schema itself changed; the verdict."""
    comparison = compare_schemas(review)
    conclusion = tuple(_conclude(review))
    return Report(
        command="diff",
        title="access difference",
        verdict=review.exit_code,
        summary=conclusion,
        sections=tuple(_sections(review, comparison)),
        document=_document(review),
        suites=tuple(_suites(comparison)),
        annotations=(*_annotations(review, comparison), note("diff", "\n".join(conclusion))),
        page=partial(_render_page, review, comparison),
        seconds=review.seconds,
    )


def _sections(review: Review, comparison: Comparison) -> Iterator[ReportSection]:
    if comparison.fault:
        yield ReportSection(entries=(quote_message(comparison.fault),))
    for direction in Direction:
        entries = tuple(map(_entry, comparison.entries_of(direction)))
        yield ReportSection(title=direction.value, entries=entries, is_inline=True, language="sql")
    for title, names in (("added", comparison.added), ("dropped", comparison.dropped)):
        yield ReportSection(title=title, entries=list_entries(*names), is_inline=True)
    yield ReportSection(title="not tried", entries=list_entries(*map(str, review.difference.untried)))
    yield ReportSection(
        title="changes of the schema itself",
        entries=list_entries(*map(str, review.difference.schema)),
        folded=True,
        in_text=not (comparison.entries or comparison.added or comparison.dropped),
    )


def _entry(entry: Entry) -> ReportEntry:
    # Without the sentence at the top of the script, which stands above it.
    script = entry.script.splitlines()[len(entry.message.splitlines()) :]
    is_shown = entry.direction is Direction.GAINED
    excerpt = indent("\n".join(script), "  ") if is_shown else ""
    return ReportEntry(cells=(entry.message,), place=entry.place, code=entry.script, excerpt=excerpt)


def _render_page(review: Review, comparison: Comparison) -> str:
    """What is different, and the matrix of HEAD."""
    matrix = review.matrix or Matrix(cells=(), gaps=(), probes=0, seconds=0)
    return render_matrix_html(matrix, comparison, title="Access difference")


def _document(review: Review) -> dict[str, Any]:
    difference = review.difference
    return {
        "base": review.base.label,
        "head": review.head.label,
        "verdict": review.exit_code.word,
        "accepted": review.accepted,
        "fault": review.fault and str(review.fault),
        "gained": [_change(review, change) for change in difference.gained],
        "new": [_change(review, change) for change in difference.new],
        "lost": [_change(review, change) for change in difference.lost],
        "changed": [_change(review, change) for change in difference.changed],
        "added": difference.added,
        "dropped": difference.dropped,
        "schema": [_schema_change(change) for change in difference.schema],
        "untried": [_schema_change(change) for change in difference.untried],
        "notes": review.notes,
        "tried": review.tried,
        "conditions": review.conditions,
        "unsolved": review.unsolved,
        "probes": review.probes,
        "seconds": round(review.seconds, 3),
    }


def _suites(comparison: Comparison) -> Iterator[Suite]:
    """What was gained fails, unless it is accepted; all else passes, with its witness as output."""
    yield Suite(name="load", checks=(_check_of_load(comparison),))
    for direction in Direction:
        checks = (_check(entry, comparison) for entry in comparison.entries_of(direction))
        yield Suite(name=direction.value, checks=tuple(checks))


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


def _annotations(review: Review, comparison: Comparison) -> Iterator[Annotation]:
    """An error for each gain on the line that caused it, or a warning where it is accepted."""
    if review.fault:
        title, message = "pgassay: HEAD does not load", comparison.fault
        yield Annotation(level="error", title=title, message=message, place=review.fault.place)
        return
    yield from (_annotate(entry, comparison) for entry in comparison.entries)
    for change in review.difference.untried:
        yield Annotation(level="notice", title="pgassay: not tried", message=str(change), place=None)


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


def _conclude(review: Review) -> Iterator[str]:
    """The counts, what was taken from elsewhere, and whether that is good; or why there is no difference."""
    if review.fault:
        yield f"HEAD, {review.head.label}, does not load."
        return
    difference = review.difference
    counts = [(len(difference.gained), "gained"), (len(difference.new), "new")]
    counts += [(len(difference.lost), "lost"), (len(difference.changed), "changed")]
    told = ", ".join(f"{number} {word}" for number, word in counts if number or word != "new")
    yield f"{review.base.label} → {review.head.label}: {told}"
    yield from review.notes
    if untried := len(difference.untried):
        yield f"{untried} change{'s' if untried > 1 else ''} on which access may depend cannot be tried."
    yield from (f"Not solved: {text}." for text in dict.fromkeys(review.unsolved))
    yield from _judge(review)
    yield f"{review.probes} probes in {review.seconds:.2f} s"


def _judge(review: Review) -> Iterator[str]:
    if review.difference.gained and review.accepted:
        yield "What is gained stands in the baseline that comes with it: accepted."
    elif review.difference.gained:
        yield "Access was gained. If it is meant, accept it for reviewers to see:"
        if any(change.cells for change in review.difference.gained):
            yield "  pgassay matrix --accept"
        if any(not change.cells for change in review.difference.gained):
            yield f'  lines of the baseline that begin with "{ACCEPTED}", for what no cell shows'
    else:
        told = [f"{review.tried} statements tried with other rows and claims"] if review.tried else []
        told += [_count_solved(review)] if review.conditions else []
        how = f" ({'; '.join(told)})" if told else ""
        yield f"No gain found{how}."


def _count_solved(review: Review) -> str:
    solved = review.conditions - len(review.unsolved)
    return f"{solved} of {review.conditions} conditions that differ were solved"


def compare_schemas(review: Review) -> Comparison:
    """Of `pgassay diff`."""
    difference = review.difference
    return Comparison(
        base=review.base.label,
        head=review.head.label,
        entries=tuple(replace(one, script=show_witness(review, one)) for one in difference.entries),
        added=difference.added,
        dropped=difference.dropped,
        notes=(
            *review.notes,
            *(f"Not solved: {text}." for text in dict.fromkeys(review.unsolved)),
            *(f"Not tried: {change}" for change in difference.untried),
        ),
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
