"""What the stages load, matrix and plans judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pgassay.database import ensure_template
from pgassay.errors import CannotJudgeError, ConfigError, Place, SchemaError, ServerError
from pgassay.matrix.assessment import assess
from pgassay.matrix.baseline import Deviation
from pgassay.matrix.report import describe_error
from pgassay.plans.assessment import PlanAssessment, assess_plans
from pgassay.plans.model import Judgement
from pgassay.verdict import Finding, Stage, Status
from pgassay.workbench import Workbench


def load(bench: Workbench, *, alone: bool) -> Stage:
    """Load the schema as a role that is no superuser and, unless it is judged `alone`, companions and world.

    Raises ServerError and ConfigError: they say nothing about the schema.
    """
    if alone:
        bench = Workbench(replace(bench.config, companions=(), world=None), bench.server)
    config = bench.config
    files = [*config.schema, *config.companions, *([config.world] if config.world else [])]
    try:
        ensure_template(bench.server, bench.recipe())
    except SchemaError as error:
        message = f"{error}\nNothing of what was already applied was kept."
        finding = Finding(rule="load", message=message, place=error.place, witness=error.sqlstate)
        return Stage(name="load", status=Status.PROBLEM, detail="does not load", findings=(finding,))
    return Stage(name="load", status=Status.GOOD, detail=", ".join(file.name for file in files))


def check_matrix(bench: Workbench) -> Stage:
    """Compare the access matrix to the baseline: a finding for each line that differs."""
    baseline = bench.config.baseline
    if baseline is None or not baseline.exists():
        why = "no baseline: there is no " + baseline.name if baseline else "no baseline configured"
        return Stage(name="matrix", status=Status.SKIPPED, detail=why)
    assessment = assess(bench)
    matrix = assessment.matrix
    if matrix.errors:
        wrong = "\n".join(describe_error(cell) for cell in matrix.errors)
        return Stage(name="matrix", status=Status.NOT_JUDGED, detail=f"probes went wrong\n{wrong}")
    findings = tuple(_not_accepted(difference, baseline) for difference in assessment.differences)
    count = f"{len(matrix.cells)} cells"
    detail = f"{count}, {len(findings)} not as accepted" if findings else f"{count} as accepted"
    status = Status.PROBLEM if findings else Status.GOOD
    return Stage(name="matrix", status=status, detail=detail, findings=findings)


def _not_accepted(deviation: Deviation, baseline: Path) -> Finding:
    cell = deviation.cell
    return Finding(
        rule="matrix",
        message=str(deviation),
        place=Place(file=baseline, line=deviation.line),
        witness=f"{cell.witness.statement}  -- as {cell.witness.persona.name}" if cell else "",
    )


def check_plans(bench: Workbench) -> Stage:
    """Judge the contracts on a hundredth of the load: findings for broken ones and indexes at fault."""
    if not bench.config.plans:
        return Stage(name="plans", status=Status.SKIPPED, detail="no plan contracts configured")
    try:
        assessment = assess_plans(bench)
    except (ConfigError, ServerError):
        raise
    except CannotJudgeError as error:  # a schema that the load does not fit; the other stages can still judge
        return Stage(name="plans", status=Status.NOT_JUDGED, detail=str(error))
    findings = (
        *map(_broken, assessment.broken),
        *(Finding(rule="plans", message=flaw.message) for flaw in assessment.flaws),
    )
    if assessment.faults and not findings:
        faults = "\n".join(f"{fault.contract.name}: {fault.fault}" for fault in assessment.faults)
        detail = f"contracts could not be judged\n{faults}"
        return Stage(name="plans", status=Status.NOT_JUDGED, detail=detail)
    status = Status.PROBLEM if findings else Status.GOOD
    return Stage(name="plans", status=status, detail=_count(assessment), findings=findings)


def _broken(judgement: Judgement) -> Finding:
    contract = judgement.contract
    return Finding(
        rule="plans",
        message=f"{contract.name}, as {contract.persona}: {judgement.why}",
        place=contract.place,
        witness=contract.query.strip(),
    )


def _count(assessment: PlanAssessment) -> str:
    broken = {judgement.contract.name for judgement in assessment.broken}
    counts = f"{len(assessment.judgements)} contracts, {len(assessment.needs)} indexes"
    return f"{counts}, {len(broken)} contracts broken" if broken else counts
