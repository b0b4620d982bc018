"""Plan contracts as one HTML page that needs nothing else, with the growth that was last measured."""

from __future__ import annotations

from pgassay import render
from pgassay.plans import Judgement, Need, PlanAssessment
from pgassay.plans.growth import draw_growth
from pgassay.render.page import make_environment, read_asset, write_policy


def render_plans_html(assessment: PlanAssessment) -> str:
    """The whole page: contracts with their queries, indexes with what needs them, growth."""
    style = read_asset(render.__name__, "page.css") + read_asset(__package__, "plans.css")
    environment = make_environment(__package__)
    environment.filters |= {"buffers": count_buffers, "needs": name_needs, "verdict": name_verdict}
    return environment.get_template("plans.html").render(
        policy=write_policy(style, ""),
        style=style,
        assessment=assessment,
        verdict=_verdict(assessment),
        summary=sum_up(assessment),
        chart=draw_growth(assessment.growth) if assessment.growth else None,
    )


def _verdict(assessment: PlanAssessment) -> tuple[str, str]:
    """How to show the verdict, and its words."""
    if assessment.broken or assessment.flaws:
        return "gained", "A contract is broken" if assessment.broken else "An index is at fault"
    return ("error", "Not judged") if assessment.faults else ("good", "Every contract holds")


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
