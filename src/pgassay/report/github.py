"""A verdict, a matrix and a review as annotations on GitHub; the last says what it all comes to."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.access.assessment import Assessment
from pgassay.access.baseline import render_cell
from pgassay.access.comparison import Direction
from pgassay.access.review import Review
from pgassay.errors import Place
from pgassay.report.annotation import Annotation, Level, render_annotations
from pgassay.report.comparison import Comparison, Entry, compare_schemas
from pgassay.report.conclusion import conclude_assessment, conclude_review
from pgassay.report.place import place_of
from pgassay.report.text import show_evidence
from pgassay.verdict import Finding, Status, Verdict


def render_github(verdict: Verdict) -> str:
    """An error for each finding and each stage that could not judge; a notice for each skipped test."""
    stages = [f"{stage.name}: {stage.status.value}, {stage.detail}" for stage in verdict.stages]
    summary = "\n".join([f"verdict: {verdict.word}", *stages])
    return render_annotations([*_of_verdict(verdict), _notice("verify", summary)])


def render_matrix_github(assessment: Assessment) -> str:
    """An error for each line of the baseline that no longer holds, and each probe that went wrong."""
    return render_annotations([*_of_matrix(assessment), _notice("matrix", conclude_assessment(assessment))])


def render_review_github(review: Review) -> str:
    """An error for each gain on the line that caused it, or a warning where it is accepted."""
    return render_annotations([*_of_review(review), _notice("diff", "\n".join(conclude_review(review)))])


def _notice(command: str, message: str) -> Annotation:
    return Annotation(level="notice", title=f"pgassay {command}", message=message)


def _of_verdict(verdict: Verdict) -> Iterator[Annotation]:
    for stage in verdict.stages:
        yield from map(_of_finding, stage.findings)
        if stage.status is Status.NOT_JUDGED:
            yield Annotation(level="error", title=f"pgassay: {stage.name} not judged", message=stage.detail)
        for case in stage.cases:
            if case.outcome == "skipped":
                yield _notice("verify", f"skipped {case.name}: {case.reason}")


def _of_finding(finding: Finding) -> Annotation:
    evidence = show_evidence(finding.witness) if finding.rule == "suite" else ()
    return Annotation(
        level="error",
        title=f"pgassay: {finding.rule}",
        message="\n".join([finding.message, *evidence]),
        place=place_of(finding),
    )


def _of_matrix(assessment: Assessment) -> Iterator[Annotation]:
    for difference in assessment.differences:
        place = Place(file=assessment.baseline, line=difference.line) if assessment.baseline else None
        message = str(difference)
        yield Annotation(level="error", title="pgassay: not as accepted", message=message, place=place)
    for cell in assessment.matrix.errors:
        message = f"{render_cell(cell)}: {cell.results[-1].why}"
        yield Annotation(level="error", title="pgassay: probe went wrong", message=message)


def _of_review(review: Review) -> Iterator[Annotation]:
    comparison = compare_schemas(review)
    if review.fault:
        title, message = "pgassay: HEAD does not load", comparison.fault
        yield Annotation(level="error", title=title, message=message, place=review.fault.place)
        return
    yield from (_of_entry(entry, comparison) for entry in comparison.entries)


def _of_entry(entry: Entry, comparison: Comparison) -> Annotation:
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
