"""The page of plan contracts, with the chart of growth that was last made."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from pgassay.plans.assessment import PlanAssessment, ScaledPlans
from pgassay.plans.judging import Flaw
from pgassay.plans.model import Contract, Judgement
from pgassay.plans.report import report_plans
from pgassay.render.report import render_html

HOSTILE = "<img src=x onerror=alert(1)>"
CHART = b64encode(f"<svg>{HOSTILE}</svg>".encode()).decode()
BROKEN = Judgement(
    contract=Contract(name="my jobs", persona="alice", query=f"select '{HOSTILE}'"), breaches=("sorts",)
)
ASSESSMENT = PlanAssessment(
    schema=(), rows=7, judgements=(BROKEN,), scaled=ScaledPlans(), needs=(),
    flaws=(Flaw(name="idle", message="idle on jobs is needed by no contract"),), seconds=1, growth=CHART,
)  # fmt: skip


def render(assessment: PlanAssessment) -> str:
    return render_html(report_plans(assessment))


def test_page_tells_what_is_broken_and_shows_the_growth() -> None:
    page = render(ASSESSMENT)
    assert "A contract is broken." in page
    assert "<p>sorts</p>" in page
    assert "idle on jobs is needed by no contract" in page
    assert page.count(f'src="data:image/svg+xml;base64,{CHART}"') == 1
    assert "img-src data:" in page


def test_page_without_a_measurement_has_no_chart_and_loads_no_picture() -> None:
    page = render(replace(ASSESSMENT, growth="", judgements=(), flaws=()))
    assert "Every contract holds." in page
    assert "<img" not in page
    assert "img-src" not in page


def test_page_loads_and_runs_nothing_whatever_a_query_says() -> None:
    page = render(ASSESSMENT)
    assert HOSTILE not in page
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page
