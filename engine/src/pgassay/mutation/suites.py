"""Which suite a test belongs to. The access matrix is one test for each object that its baseline names."""

from __future__ import annotations

from collections.abc import Iterable

SUITES = ("pytest", "pgtap", "matrix")
_MATRIX = "access matrix of "


def name_matrix_tests(objects: Iterable[str]) -> list[str]:
    """The tests that compare the matrix of each object with its baseline."""
    return [f"{_MATRIX}{name}" for name in sorted(objects)]


def suite_of(test: str) -> str:
    """Which of SUITES a test belongs to."""
    if test.startswith(_MATRIX):
        return "matrix"
    return "pgtap" if test.endswith("::pgtap") else "pytest"
