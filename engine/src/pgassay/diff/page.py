"""A review of a change as a page: what is different, and the matrix of HEAD."""

from __future__ import annotations

from pgassay.diff.page_comparison import compare_schemas
from pgassay.diff.review import Review
from pgassay.matrix.model import Matrix
from pgassay.matrix.page import render_matrix_html


def render_review_page(review: Review) -> str:
    """What is different, and the matrix of HEAD."""
    matrix = review.matrix or Matrix(cells=(), gaps=(), probes=0, seconds=0)
    return render_matrix_html(matrix, matrix.catalog, compare_schemas(review), title="Access difference")
