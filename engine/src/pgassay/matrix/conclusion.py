"""What a run comes to, in sentences that every format ends or begins with."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.matrix.assessment import Assessment
from pgassay.matrix.model import Gap
from pgassay.render.place import relative


def conclude_assessment(assessment: Assessment) -> str:
    """How much was tried, and how much of it is not as accepted."""
    matrix = assessment.matrix
    run = f"{len(matrix.cells)} cells from {matrix.probes} probes in {matrix.seconds:.2f} s"
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
