"""What the reports of plan contracts say in the same words."""

from __future__ import annotations

from pgassay.plans import Judgement, Need, PlanAssessment


def name_verdict(judgement: Judgement) -> str:
    """In one or two words."""
    return "not judged" if judgement.fault else "broken" if judgement.breaches else "holds"


def count_buffers(judgement: Judgement) -> str:
    """Pages touched by the custom and the generic plan, once where they are equal."""
    touched = (sighting.plan.buffers for sighting in judgement.sightings)
    return " / ".join(dict.fromkeys(f"{pages:,}" for pages in touched if pages is not None))


def name_needs(need: Need) -> str:
    """What an index is there for."""
    return ", ".join(need.contracts) or ("its rule" if need.index.is_rule else "nothing")


def sum_up(assessment: PlanAssessment) -> str:
    """Everything counted, in one sentence."""
    believed = assessment.believed
    needed = sum(bool(need.contracts) for need in assessment.needs)
    ruling = sum(need.index.is_rule for need in assessment.needs)
    parts = [f"{assessment.rows:,} rows: {_count(assessment.judgements)} contracts hold"]
    if believed.judgements:
        parts.append(f"as if of {believed.rows:,}: {_count(believed.judgements)}")
    parts.append(f"{len(assessment.needs)} indexes, {needed} needed by a contract, {ruling} for their rule")
    return f"{'; '.join(parts)}; {assessment.seconds:.2f} s"


def _count(judgements: tuple[Judgement, ...]) -> str:
    return f"{sum(judgement.holds for judgement in judgements)} of {len(judgements)}"
