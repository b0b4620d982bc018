"""Plan contracts as a report, with the growth that was last measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pgassay.plans.assessment import PlanAssessment
from pgassay.plans.judging import Need
from pgassay.plans.model import Judgement
from pgassay.render.ci import Check, Outcome, Suite
from pgassay.render.report import Fragment, Report, ReportEntry, ReportSection, list_entries

FORMATS = ("text", "json", "markdown", "html", "junit")


def report_plans(assessment: PlanAssessment) -> Report:
    """Each contract, what breaks without each index, what is wrong or not judged; a summary."""
    growth = Fragment(
        package=__package__, template="growth.html", style="growth.css", values={"growth": assessment.growth}
    )
    return Report(
        command="plans",
        title="plan contracts",
        verdict=assessment.verdict,
        claim=_claim(assessment),
        summary=(_summary(assessment),),
        sections=_sections(assessment),
        document=_document(assessment),
        suites=_suites(assessment),
        fragments=(growth,) if assessment.growth else (),
        seconds=assessment.seconds,
    )


def _claim(assessment: PlanAssessment) -> str:
    if assessment.broken or assessment.flaws:
        return "A contract is broken" if assessment.broken else "An index is at fault"
    return "Not judged" if assessment.faults else "Every contract holds"


def _sections(assessment: PlanAssessment) -> tuple[ReportSection, ...]:
    scaled = assessment.scaled
    wrong = [judgement for judgement in scaled.judgements if not judgement.holds]
    unseen = (
        f"not judged at {scaled.rows:,} rows, for {scaled.why}: {', '.join(scaled.unseen)}",
    ) if scaled.unseen else ()  # fmt: skip
    return (
        ReportSection(
            title="contracts", head=("", "contract", "as", "buffers"), numbers=(3,),
            entries=tuple(map(_contract, assessment.judgements)),
        ),
        ReportSection(
            title=f"as if of {scaled.rows:,} rows", head=("", "contract", "as"),
            entries=tuple(map(_contract, wrong)),
        ),
        ReportSection(
            title="indexes", head=("index", "table", "needed by"),
            entries=tuple(map(_need, assessment.needs)),
        ),
        ReportSection(
            title="findings",
            entries=tuple(ReportEntry(cells=(flaw.message,), is_bad=True) for flaw in assessment.flaws),
        ),
        ReportSection(entries=list_entries(*unseen)),
    )  # fmt: skip


def _contract(judgement: Judgement) -> ReportEntry:
    contract = judgement.contract
    word = "not judged" if judgement.fault else "broken" if judgement.breaches else "holds"
    touched = (sighting.plan.buffers for sighting in judgement.sightings)
    # Of the custom and the generic plan; those of EXPLAIN alone have none.
    buffers = [" / ".join(dict.fromkeys(f"{pages:,}" for pages in touched if pages is not None))]
    return ReportEntry(
        cells=(word, contract.name, contract.persona, *buffers),
        why=judgement.breaches or ((judgement.fault,) if judgement.fault else ()),
        code=contract.query.strip(),
        is_bad=not judgement.holds,
    )


def _need(need: Need) -> ReportEntry:
    reason = ", ".join(need.contracts) or ("its rule" if need.index.is_rule else "nothing")
    return ReportEntry(cells=(need.index.name, need.index.table, reason), is_bad=not need.is_needed)


def _summary(assessment: PlanAssessment) -> str:
    scaled = assessment.scaled
    needed = sum(bool(need.contracts) for need in assessment.needs)
    ruling = sum(need.index.is_rule for need in assessment.needs)
    parts = [f"{assessment.rows:,} rows: {_count(assessment.judgements)} contracts hold"]
    if scaled.judgements:
        parts.append(f"as if of {scaled.rows:,}: {_count(scaled.judgements)}")
    parts.append(f"{len(assessment.needs)} indexes, {needed} needed by a contract, {ruling} for their rule")
    return f"{'; '.join(parts)}; {assessment.seconds:.2f} s"


def _count(judgements: tuple[Judgement, ...]) -> str:
    return f"{sum(judgement.holds for judgement in judgements)} of {len(judgements)}"


def _document(assessment: PlanAssessment) -> dict[str, Any]:
    scaled = assessment.scaled
    return {
        "contracts": [_judged(judgement) | _plans(judgement) for judgement in assessment.judgements],
        "believed": {
            "rows": scaled.rows,
            "contracts": [_judged(judgement) for judgement in scaled.judgements],
            "not_judged": scaled.unseen,
            "why": scaled.why,
        },
        "indexes": [
            {
                "name": need.index.name,
                "table": need.index.table,
                "rule": need.index.is_rule,
                "contracts": need.contracts,
            }
            for need in assessment.needs
        ],
        "findings": assessment.flaws,
        "rows": assessment.rows,
        "seconds": round(assessment.seconds, 3),
    }


def _judged(judgement: Judgement) -> dict[str, Any]:
    holds = None if judgement.fault else judgement.holds
    return {"name": judgement.contract.name, "holds": holds, "why": judgement.why or None}


def _plans(judgement: Judgement) -> dict[str, Any]:
    plans = {
        sighting.mode: {"indexes": sorted(sighting.indexes), "buffers": sighting.plan.buffers}
        for sighting in judgement.sightings
    }
    contract = judgement.contract
    file = contract.place and contract.place.file
    return {"persona": contract.persona, "file": file, "plans": plans}


def _suites(assessment: PlanAssessment) -> tuple[Suite, ...]:
    """A case for each contract, each index, and each foreign key without one."""
    scaled = assessment.scaled
    larger = f"contracts at {scaled.rows:,} rows"
    unseen = (Check(group=larger, name=name, outcome="skipped", message=scaled.why) for name in scaled.unseen)
    contracts = tuple(_contracts("contracts", assessment.judgements))
    return (
        Suite(name="contracts", checks=contracts, seconds=assessment.seconds),
        Suite(name=larger, checks=(*_contracts(larger, scaled.judgements), *unseen)),
        Suite(name="indexes", checks=tuple(_indexes(assessment))),
    )


def _contracts(group: str, judgements: Iterable[Judgement]) -> Iterator[Check]:
    for judgement in judgements:
        contract = judgement.contract
        yield Check(
            group=group,
            name=contract.name,
            outcome="error" if judgement.fault else "failure" if judgement.breaches else "passed",
            message=judgement.why,
            text=contract.query.strip() if not judgement.holds else "",
            place=contract.place,
        )


def _indexes(assessment: PlanAssessment) -> Iterator[Check]:
    wrong = {flaw.name: flaw.message for flaw in assessment.flaws}
    for name in dict.fromkeys([*(need.index.name for need in assessment.needs), *wrong]):
        outcome: Outcome = "failure" if name in wrong else "passed"
        yield Check(group="indexes", name=name, outcome=outcome, message=wrong.get(name, ""))
