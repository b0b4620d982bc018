"""The page of plan contracts, and the chart of growth in it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from pgassay.plans import Believed, Contract, Flaw, Growth, Judgement, PlanAssessment, read_growth
from pgassay.plans.growth import draw_growth
from pgassay.plans.report import PLANS_FORMATS

GROWTH = Growth(
    unit="jobs", sizes=(10, 100, 1000), seconds={"claim": (0.001, 0.002, 0.004), "read": (0.001,) * 3}
)
HOSTILE = "<img src=x onerror=alert(1)>"
BROKEN = Judgement(
    contract=Contract(name="my jobs", persona="alice", query=f"select '{HOSTILE}'"), breaches=("sorts",)
)
ASSESSMENT = PlanAssessment(
    schema=(), rows=7, judgements=(BROKEN,), believed=Believed(), needs=(),
    flaws=(Flaw(name="idle", message="idle on jobs is needed by no contract"),), seconds=1, growth=GROWTH,
)  # fmt: skip


def render(assessment: PlanAssessment) -> str:
    return PLANS_FORMATS["html"](assessment)


def test_page_tells_what_is_broken_and_draws_the_growth() -> None:
    page = render(ASSESSMENT)
    assert "A contract is broken." in page
    assert "<p>sorts</p>" in page
    assert "idle on jobs is needed by no contract" in page
    assert page.count("<polyline") == 2
    assert "claim: 1.00 ms at 10, 4.00 ms at 1,000 jobs" in page


def test_page_without_a_measurement_has_no_chart() -> None:
    page = render(replace(ASSESSMENT, growth=None, judgements=(), flaws=()))
    assert "Every contract holds." in page
    assert "<svg" not in page


def test_page_loads_and_runs_nothing_whatever_a_query_says() -> None:
    page = render(ASSESSMENT)
    assert HOSTILE not in page
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page


def test_curve_that_stays_flat_is_level_and_one_that_doubles_rises_evenly() -> None:
    chart = draw_growth(GROWTH)
    claim, read = chart.curves
    assert (claim.name, read.name) == ("claim", "read")
    heights = [y for _, y in claim.points]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])
    assert {y for _, y in read.points} == {heights[0]}
    assert claim.points[0][0] == chart.left
    assert claim.points[-1][0] == pytest.approx(chart.right)
    assert chart.slope[0] == claim.points[0]


def test_names_of_curves_that_meet_do_not_lie_on_each_other() -> None:
    same = replace(GROWTH, seconds=dict.fromkeys("abcd", (0.001, 0.001, 0.001)))
    labels = [curve.label for curve in draw_growth(same).curves]
    assert min(below - above for above, below in pairwise(labels)) >= 14


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"unit": "jobs", "sizes": [1, 2], "seconds": {"claim": [1]}}',
        '{"unit": "jobs", "sizes": [1, 2], "seconds": {"claim": [0, 1]}}',
        '{"unit": "jobs", "sizes": [1], "seconds": {"claim": [1]}}',
    ],
)
def test_file_that_holds_no_growth_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "growth.json"
    assert read_growth(file) is None
    file.write_text(text, encoding="utf-8")
    assert read_growth(file) is None


def test_growth_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "growth.json"
    file.write_text(json.dumps(GROWTH.to_json()), encoding="utf-8")
    assert read_growth(file) == GROWTH
