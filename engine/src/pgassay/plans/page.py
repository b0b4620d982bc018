"""Plan contracts as one HTML page that needs nothing else, with the growth that was last measured."""

from __future__ import annotations

from pgassay import render
from pgassay.plans import PlanAssessment
from pgassay.plans.growth_chart import draw_growth
from pgassay.plans.wording import count_buffers, name_needs, name_verdict, sum_up
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
