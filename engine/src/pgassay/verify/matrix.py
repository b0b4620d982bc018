"""Is the executed access matrix the one that was accepted?"""

from __future__ import annotations

from pgassay.matrix.assessment import assess
from pgassay.matrix.baseline import Deviation
from pgassay.matrix.report import describe_error
from pgassay.verdict import Finding, Stage, Status
from pgassay.workbench import Workbench

_RULE = "matrix"


def check_matrix(bench: Workbench) -> Stage:
    """Compare the access matrix to the baseline: a finding for each line that differs."""
    baseline = bench.config.baseline
    if baseline is None:
        return Stage(name=_RULE, status=Status.SKIPPED, detail="no baseline configured")
    if not baseline.exists():
        return Stage(name=_RULE, status=Status.SKIPPED, detail=f"no baseline: there is no {baseline.name}")
    assessment = assess(bench)
    matrix = assessment.matrix
    if matrix.errors:
        wrong = "\n".join(describe_error(cell) for cell in matrix.errors)
        return Stage(name=_RULE, status=Status.NOT_JUDGED, detail=f"probes went wrong\n{wrong}")
    findings = tuple(_finding(difference, bench) for difference in assessment.differences)
    count = f"{len(matrix.cells)} cells"
    detail = f"{count}, {len(findings)} not as accepted" if findings else f"{count} as accepted"
    status = Status.PROBLEM if findings else Status.GOOD
    return Stage(name=_RULE, status=status, detail=detail, findings=findings)


def _finding(difference: Deviation, bench: Workbench) -> Finding:
    cell = difference.cell
    return Finding(
        rule=_RULE,
        message=str(difference),
        file=bench.config.baseline,
        line=difference.line,
        witness=f"{cell.witness.statement}  -- as {cell.witness.persona.name}" if cell else "",
    )
