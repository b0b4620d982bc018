"""The access matrix as annotations on GitHub."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.errors import Place
from pgassay.matrix.assessment import Assessment
from pgassay.matrix.baseline import render_cell
from pgassay.matrix.conclusion import conclude_assessment
from pgassay.render.annotation import Annotation, note, render_annotations


def render_matrix_github(assessment: Assessment) -> str:
    """An error for each line of the baseline that no longer holds, and each probe that went wrong."""
    return render_annotations([*_of_matrix(assessment), note("matrix", conclude_assessment(assessment))])


def _of_matrix(assessment: Assessment) -> Iterator[Annotation]:
    for difference in assessment.differences:
        place = Place(file=assessment.baseline, line=difference.line) if assessment.baseline else None
        message = str(difference)
        yield Annotation(level="error", title="pgassay: not as accepted", message=message, place=place)
    for cell in assessment.matrix.errors:
        message = f"{render_cell(cell)}: {cell.results[-1].why}"
        yield Annotation(level="error", title="pgassay: probe went wrong", message=message)
