"""The access matrix for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

from pgassay.matrix.assessment import Assessment
from pgassay.matrix.baseline import render_answer, render_baseline, render_cell
from pgassay.matrix.conclusion import conclude_assessment, name_gaps
from pgassay.matrix.model import Cell, Change, Result
from pgassay.matrix.page import render_matrix_page
from pgassay.matrix.report_github import render_matrix_github
from pgassay.matrix.report_junit import render_matrix_junit
from pgassay.render.place import relative


def render_matrix_text(assessment: Assessment) -> str:
    """Differences to the baseline, or every cell where there is none; what was not tried; a summary."""
    matrix = assessment.matrix
    lines = [] if assessment.baseline else render_baseline(matrix).splitlines()
    lines += [str(difference) for difference in assessment.differences]
    lines += [f"probe went wrong: {render_cell(cell)}: {cell.results[-1].why}" for cell in matrix.errors]
    lines += ["", *name_gaps(matrix.gaps)] if matrix.gaps else []
    return "\n".join([*lines, "", conclude_assessment(assessment)]).lstrip("\n") + "\n"


def render_matrix_markdown(assessment: Assessment) -> str:
    """The summary and what differs; the matrix itself folded, a table for each persona."""
    lines = [f"## pgassay: access matrix\n\n{conclude_assessment(assessment)}"]
    if assessment.differences:
        lines += ["", "```diff"]
        for difference in assessment.differences:
            lines += [f"- {difference.question}  {difference.was}"] if difference.was else []
            lines += [f"+ {difference.question}  {difference.now}"] if difference.now else []
        lines.append("```")
    for persona, cells in groupby(assessment.matrix.cells, key=lambda cell: cell.key.persona):
        lines += _table(persona, cells)
    lines += ["", *name_gaps(assessment.matrix.gaps)]
    return "\n".join(lines).rstrip() + "\n"


def render_matrix_json(assessment: Assessment) -> str:
    """The document that docs/json.md describes."""
    matrix = assessment.matrix
    document = {
        "version": 1,
        "cells": [_cell(cell) for cell in matrix.cells],
        "not_tried": [
            {"persona": g.persona, "object": g.object, "rows": g.rows.value, "why": g.why}
            for g in matrix.gaps
        ],
        "differences": [
            {"kind": d.kind.value, "question": d.question, "was": d.was, "now": d.now, "line": d.line}
            for d in assessment.differences
        ],
        "baseline": str(relative(assessment.baseline)) if assessment.baseline else None,
        "probes": matrix.probes,
        "seconds": round(matrix.seconds, 3),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


MATRIX_FORMATS: Mapping[str, Callable[[Assessment], str]] = {
    "text": render_matrix_text,
    "json": render_matrix_json,
    "markdown": render_matrix_markdown,
    "html": render_matrix_page,
    "junit": render_matrix_junit,
    "github": render_matrix_github,
}


def _table(persona: str, cells: Iterator[Cell]) -> Iterator[str]:
    yield f"\n<details><summary>{persona}</summary>\n"
    yield "| object | action | column | row | outcome |\n|---|---|---|---|---|"
    for cell in cells:
        key = cell.key
        parts = (key.object, key.action.value, key.variant, key.rows.value, render_answer(cell))
        yield f"| {' | '.join(part.replace('|', chr(92) + '|') for part in parts)} |"
    yield "\n</details>"


def _cell(cell: Cell) -> dict[str, Any]:
    key = cell.key
    return {
        "persona": key.persona,
        "object": key.object,
        "action": key.action.value,
        "column": key.variant,
        "rows": key.rows.value,
        "outcome": cell.outcome.value,
        "results": [_result(result) for result in cell.results],
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.outcome.value,
        "sqlstate": result.sqlstate,
        "when": result.when,
        "why": result.why,
        "footprint": [_change(change) for change in result.footprint],
        "statement": result.witness.statement,
        "row": result.witness.row,
    }


def _change(change: Change) -> dict[str, Any]:
    counts = {"inserted": change.inserted, "deleted": change.deleted, "changed": change.changed}
    return {"table": change.table, **counts, "columns": dict(change.columns)}
