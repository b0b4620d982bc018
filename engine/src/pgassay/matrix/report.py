"""The access matrix for people and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from pgassay.matrix.assessment import Assessment
from pgassay.matrix.baseline import (
    Deviation,
    key_fields,
    render_answer,
    render_baseline,
    render_cell,
    render_key,
    told,
)
from pgassay.matrix.model import Cell, CellKey, CellResult, Gap, Matrix
from pgassay.matrix.page import render_matrix_page
from pgassay.matrix.summary import summarise
from pgassay.observation import Outcome
from pgassay.render.ci import Annotation, Check, Suite, note, render_annotations, render_suites
from pgassay.render.json import dump
from pgassay.render.report import section_text
from pgassay.render.text import escape, relative, table


def render_matrix_text(assessment: Assessment, *, cells: bool = False) -> str:
    """Differences to the baseline, or a summary where there is none; what was not tried; how much was.

    With `cells` all cells come first, as the baseline spells them.
    """
    matrix = assessment.matrix
    lines = [*render_baseline(matrix).splitlines(), ""] if cells else []
    lines += [str(difference) for difference in assessment.differences]
    lines += describe_wrong(matrix)
    if assessment.baseline is None:
        lines += [line for section in summarise(matrix) for line in (*section_text(section), "")]
    elif matrix.gaps:
        lines += ["", *name_gaps(matrix.gaps)]
    hint = [] if cells or assessment.baseline else ["Each cell: --cells, or --format html."]
    return "\n".join([*lines, *hint, "", conclude_assessment(assessment)]).lstrip("\n") + "\n"


def render_matrix_markdown(assessment: Assessment) -> str:
    """What differs, or a summary where there is no baseline; the matrix itself folded, a table a persona."""
    lines = [f"## pgassay: access matrix\n\n{conclude_assessment(assessment)}"]
    if assessment.baseline is None:
        for section in summarise(assessment.matrix):
            rows = (entry.cells for entry in section.entries)
            lines += ["", f"### {escape(section.title)}", "", *table(section.head, rows)]
    if assessment.differences:
        lines += ["", "```diff"]
        for difference in assessment.differences:
            lines += [f"- {difference.question}  {difference.was}"] if difference.was else []
            lines += [f"+ {difference.question}  {difference.now}"] if difference.now else []
        lines.append("```")
    for persona, cells in groupby(told(assessment.matrix.cells), key=lambda cell: cell.key.persona):
        lines += _table(persona, cells)
    lines += ["", *name_gaps(assessment.matrix.gaps)]
    return "\n".join(lines).rstrip() + "\n"


def render_matrix_json(assessment: Assessment) -> str:
    """The document that docs/json.md describes."""
    matrix = assessment.matrix
    return dump(
        cells=[
            key_document(cell.key) | {"outcome": cell.outcome, "results": map(_result, cell.results)}
            for cell in matrix.cells
        ],
        not_tried=matrix.gaps,
        differences=[
            {"kind": d.kind, "question": d.question, "was": d.was, "now": d.now, "line": d.line}
            for d in assessment.differences
        ],
        baseline=assessment.baseline,
        probes=matrix.probes,
        seconds=round(matrix.seconds, 3),
    )


def render_matrix_junit(assessment: Assessment) -> str:
    """A suite for each persona: what is not as accepted fails; what had no row to try is skipped."""
    suites: dict[str, list[Check]] = defaultdict(list)
    for persona, check in _checks(assessment):
        suites[persona].append(check)
    return render_suites(
        "pgassay matrix",
        [Suite(name=persona, checks=tuple(checks)) for persona, checks in suites.items()],
        seconds=assessment.matrix.seconds,
    )


def render_matrix_github(assessment: Assessment) -> str:
    """An error for each line of the baseline that no longer holds, and each probe that went wrong."""
    annotations = [
        Annotation(
            level="error",
            title="pgassay: not as accepted",
            message=str(difference),
            place=assessment.place_of(difference),
        )
        for difference in assessment.differences
    ]
    annotations += [
        Annotation(level="error", title="pgassay: probe went wrong", message=describe_error(cell))
        for cell in assessment.matrix.errors
    ]
    annotations += [
        Annotation(level="error", title="pgassay: broken", message=text)
        for text in describe_broken(assessment.matrix)
    ]
    return render_annotations([*annotations, note("matrix", conclude_assessment(assessment))])


MATRIX_FORMATS: Mapping[str, Callable[[Assessment], str]] = {
    "text": render_matrix_text,
    "json": render_matrix_json,
    "markdown": render_matrix_markdown,
    "html": render_matrix_page,
    "junit": render_matrix_junit,
    "github": render_matrix_github,
}


def conclude_assessment(assessment: Assessment) -> str:
    """How much was tried, and how much of it is not as accepted; without a time, so that runs are equal."""
    matrix = assessment.matrix
    run = f"{len(matrix.cells)} cells from {matrix.probes} probes"
    if assessment.baseline is None:
        return f"{run}; no baseline"
    name = relative(assessment.baseline)
    count = len(assessment.differences)
    return f"{run}; {f'{count} not as in {name}' if count else f'all as in {name}'}"


def name_gaps(gaps: tuple[Gap, ...]) -> Iterator[str]:
    """One line for each table and class of row, with all personas that it concerns."""
    by_question: dict[tuple[str, str, str], list[str]] = {}
    for gap in gaps:
        by_question.setdefault((gap.object, gap.rows.value, gap.why), []).append(gap.persona)
    for (name, rows, why), personas in sorted(by_question.items()):
        yield f"no row to try: {name}, {rows} ({', '.join(personas)}){f': {why}' if why else ''}"


def describe_wrong(matrix: Matrix) -> Iterator[str]:
    """What could not be answered, and what of the schema fails."""
    yield from (f"probe went wrong: {describe_error(cell)}" for cell in matrix.errors)
    yield from describe_broken(matrix)


def describe_broken(matrix: Matrix) -> Iterator[str]:
    """What of the schema fails, a line for each object and reason, with all personas and commands."""
    tried: dict[tuple[str, str], dict[str, None]] = {}
    for cell in matrix.broken:
        key = cell.key.object, f"{cell.results[-1].why} ({cell.results[-1].sqlstate})"
        tried.setdefault(key, {})[f"{cell.key.persona} {cell.key.action.value}"] = None
    for (name, why), attempts in tried.items():
        yield f"broken: {name}: {why}; tried: {', '.join(attempts)}"


def describe_error(cell: Cell) -> str:
    """What went wrong with its probe."""
    return f"{render_cell(cell)}: {cell.results[-1].why}"


def _table(persona: str, cells: Iterable[Cell]) -> Iterator[str]:
    rows = ((c.key.object, c.key.action.value, c.key.variant, c.key.whose, render_answer(c)) for c in cells)
    yield f"\n<details><summary>{escape(persona)}</summary>\n"
    yield from table(("object", "action", "column", "row", "outcome"), rows)
    yield "\n</details>"


def key_document(key: CellKey) -> dict[str, Any]:
    """The question of a cell in a document of JSON."""
    return {
        "persona": key.persona,
        "object": key.object,
        "action": key.action,
        "column": key.variant,
        "rows": key.whose,
    }


def _result(result: CellResult) -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        "sqlstate": result.sqlstate,
        "when": result.when,
        "why": result.why,
        "footprint": [asdict(change) | {"columns": dict(change.columns)} for change in result.effects],
        "statement": result.witness.statement,
        "row": result.witness.row,
    }


def _checks(assessment: Assessment) -> Iterator[tuple[str, Check]]:
    """Each with its persona."""
    differences = {difference.question: difference for difference in assessment.differences}
    for cell in assessment.matrix.cells:
        difference = differences.pop(render_key(cell.key), None)
        yield cell.key.persona, _check_of_cell(cell, difference, assessment)
    for difference in differences.values():  # lines about what was not tried
        yield difference.fields[0], _failed(difference, assessment)
    for gap in assessment.matrix.gaps:
        why = gap.why or "the world has no such row"
        check = _check((gap.persona, gap.object, gap.rows.value))
        yield gap.persona, replace(check, outcome="skipped", message=why)


def _check_of_cell(cell: Cell, difference: Deviation | None, assessment: Assessment) -> Check:
    check = _check(key_fields(cell.key))
    if cell.outcome is Outcome.ERROR:
        return replace(check, outcome="error", message=cell.results[-1].why)
    if difference:
        return _failed(difference, assessment)
    if assessment.baseline is None:
        return replace(check, outcome="skipped", message="no baseline to compare with")
    return check


def _failed(difference: Deviation, assessment: Assessment) -> Check:
    witness = difference.cell.witness if difference.cell else None
    return replace(
        _check(difference.fields),
        outcome="failure",
        message=str(difference),
        text=f"as {witness.persona.name}: {witness.statement}" if witness else "",
        place=assessment.place_of(difference),
    )


def _check(fields: tuple[str, ...]) -> Check:
    """One that passed."""
    persona, name, *what = fields
    return Check(group=f"{persona} {name}", name=" ".join(part for part in what if part != "-"))
