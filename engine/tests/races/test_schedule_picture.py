"""The picture of a schedule in the documentation is of one that the explorer finds."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from pgassay.server import Server

TOOL = Path(__file__).parents[2] / "tools" / "draw_schedule.py"


@pytest.mark.slow
def test_picture_is_of_the_simplest_schedule_that_breaks(server: Server) -> None:
    tool = runpy.run_path(str(TOOL))
    drawn = tool["draw"](tool["find_trial"](server))
    assert tool["PICTURE"].read_text(encoding="utf-8") == drawn, "run: python tools/draw_schedule.py"
    assert "violates &quot;no deposit is lost&quot;" in drawn
