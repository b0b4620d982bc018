"""Plan contracts as JUnit's suites: contracts, contracts at the believed size, indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgassay.errors import Place
from pgassay.plans import Judgement, PlanAssessment
from pgassay.render.junit import Check, Outcome, Suite, render_suites


def render_plans_junit(assessment: PlanAssessment) -> str:
    """A case for each contract, each index, and each foreign key without one."""
    believed = assessment.believed
    contracts = tuple(_contracts("contracts", assessment.judgements))
    larger = f"contracts at {believed.rows:,} rows"
    unseen = (
        Check(group=larger, name=name, outcome="skipped", message=believed.why) for name in believed.unseen
    )
    suites = (
        Suite(name="contracts", checks=contracts, seconds=assessment.seconds),
        Suite(name=larger, checks=(*_contracts(larger, believed.judgements), *unseen)),
        Suite(name="indexes", checks=tuple(_indexes(assessment))),
    )
    return render_suites("pgassay plans", suites, seconds=assessment.seconds)


def _contracts(group: str, judgements: Iterable[Judgement]) -> Iterator[Check]:
    for judgement in judgements:
        contract = judgement.contract
        yield Check(
            group=group,
            name=contract.name,
            outcome="error" if judgement.fault else "failure" if judgement.breaches else "passed",
            message=judgement.why,
            text=contract.query.strip() if not judgement.holds else "",
            place=Place(file=contract.file, line=contract.line) if contract.file else None,
        )


def _indexes(assessment: PlanAssessment) -> Iterator[Check]:
    wrong = {flaw.name: flaw.message for flaw in assessment.flaws}
    for name in dict.fromkeys([*(need.index.name for need in assessment.needs), *wrong]):
        outcome: Outcome = "failure" if name in wrong else "passed"
        yield Check(group="indexes", name=name, outcome=outcome, message=wrong.get(name, ""))
