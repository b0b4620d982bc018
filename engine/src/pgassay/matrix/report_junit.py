"""The access matrix as JUnit's suites: one a persona, with a case for each cell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pgassay.errors import Place
from pgassay.matrix.assessment import Assessment
from pgassay.matrix.baseline import Difference, render_key
from pgassay.matrix.model import Cell, Gap
from pgassay.observation import Outcome
from pgassay.render.junit import Check, Suite, render_suites


def render_matrix_junit(assessment: Assessment) -> str:
    """What is not as accepted fails; what had no row to try, or nothing to compare with, is skipped."""
    suites: dict[str, list[Check]] = defaultdict(list)
    for persona, check in _checks(assessment):
        suites[persona].append(check)
    return render_suites(
        "pgassay matrix",
        [Suite(name=persona, checks=tuple(some)) for persona, some in suites.items()],
        seconds=assessment.matrix.seconds,
    )


def _checks(assessment: Assessment) -> Iterator[tuple[str, Check]]:
    """Each with its persona."""
    differences = {difference.question: difference for difference in assessment.differences}
    for cell in assessment.matrix.cells:
        difference = differences.pop(render_key(cell.key), None)
        yield cell.key.persona, _check_of_cell(cell, difference, assessment.baseline)
    for question, difference in differences.items():  # lines about what was not tried
        yield question.split("  ")[0], _failed(question, difference, assessment.baseline)
    for gap in assessment.matrix.gaps:
        yield gap.persona, _check_of_gap(gap)


def _check_of_cell(cell: Cell, difference: Difference | None, baseline: Path | None) -> Check:
    question = render_key(cell.key)
    if cell.outcome is Outcome.ERROR:
        return replace(_check(question), outcome="error", message=cell.results[-1].why)
    if difference:
        return _failed(question, difference, baseline)
    if baseline is None:
        return replace(_check(question), outcome="skipped", message="no baseline to compare with")
    return _check(question)


def _failed(question: str, difference: Difference, baseline: Path | None) -> Check:
    cell = difference.cell
    return replace(
        _check(question),
        outcome="failure",
        message=str(difference),
        text=f"as {cell.witness.persona.name}: {cell.witness.statement}" if cell else "",
        place=Place(file=baseline, line=difference.line) if baseline else None,
    )


def _check_of_gap(gap: Gap) -> Check:
    group = f"{gap.persona} {gap.object}"
    return Check(
        group=group, name=gap.rows.value, outcome="skipped", message=gap.why or "the world has no such row"
    )


def _check(question: str) -> Check:
    """One that passed."""
    persona, name, *what = question.split("  ")
    return Check(group=f"{persona} {name}", name=" ".join(part for part in what if part != "-"))
