"""The HTML pages of the commands."""

from __future__ import annotations

from pgassay.access.assessment import Assessment
from pgassay.access.model import Matrix
from pgassay.access.review import Review
from pgassay.mutation.guard_file import GuardSheet
from pgassay.report.comparison import compare_schemas, compare_to_baseline
from pgassay.report.html import render_matrix_html


def render_matrix_page(assessment: Assessment, guards: GuardSheet | None = None) -> str:
    """The matrix, beside the baseline where there is one; with the guard map where one was made."""
    matrix = assessment.matrix
    return render_matrix_html(
        matrix, matrix.catalog, compare_to_baseline(assessment), title="Access matrix", guards=guards
    )


def render_review_page(review: Review) -> str:
    """What is different, and the matrix of HEAD."""
    matrix = review.matrix or Matrix(cells=(), gaps=(), probes=0, seconds=0)
    return render_matrix_html(matrix, matrix.catalog, compare_schemas(review), title="Access difference")
