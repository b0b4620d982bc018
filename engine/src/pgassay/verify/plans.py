"""Do the plan contracts hold, and is each index needed?"""

from __future__ import annotations

from pgassay.errors import CannotJudgeError, ConfigError, ServerError
from pgassay.plans import Judgement, PlanAssessment, assess_plans
from pgassay.verdict import Finding, Stage, Status
from pgassay.workbench import Workbench

_RULE = "plans"


def check_plans(bench: Workbench) -> Stage:
    """Judge the contracts on a hundredth of the load: findings for broken ones and indexes at fault."""
    if not bench.config.plans:
        return Stage(name=_RULE, status=Status.SKIPPED, detail="no plan contracts configured")
    try:
        assessment = assess_plans(bench)
    except (ConfigError, ServerError):
        raise
    except CannotJudgeError as error:  # a schema that the load does not fit; the other stages can still judge
        return Stage(name=_RULE, status=Status.NOT_JUDGED, detail=str(error))
    findings = (
        *map(_finding, assessment.broken),
        *(Finding(rule=_RULE, message=flaw.message) for flaw in assessment.flaws),
    )
    if assessment.faults and not findings:
        faults = "\n".join(f"{fault.contract.name}: {fault.fault}" for fault in assessment.faults)
        return Stage(name=_RULE, status=Status.NOT_JUDGED, detail=f"contracts could not be judged\n{faults}")
    status = Status.PROBLEM if findings else Status.GOOD
    return Stage(name=_RULE, status=status, detail=_summary(assessment), findings=findings)


def _finding(judgement: Judgement) -> Finding:
    contract = judgement.contract
    return Finding(
        rule=_RULE,
        message=f"{contract.name}, as {contract.persona}: {judgement.why}",
        file=contract.file,
        line=contract.line,
        witness=contract.query.strip(),
    )


def _summary(assessment: PlanAssessment) -> str:
    broken = {judgement.contract.name for judgement in assessment.broken}
    counts = f"{len(assessment.judgements)} contracts, {len(assessment.needs)} indexes"
    return f"{counts}, {len(broken)} contracts broken" if broken else counts
