"""The command `pgassay plans`."""

from __future__ import annotations

from pgassay.config import Config
from pgassay.errors import ConfigError, ExitCode
from pgassay.output import TEXT_ALONE, Output, publish
from pgassay.plans import PlanAssessment, assess_plans
from pgassay.report.plans import PLANS_FORMATS
from pgassay.server import Server
from pgassay.workbench import Workbench

_SIZES = {"hundredth": 0.01, "full": 1.0}


def show_plans(config: Config, server: Server, *, scale: float, output: Output = TEXT_ALONE) -> ExitCode:
    """Judge the contracts on a load of `scale` times the full size, and report."""
    assessment = assess_plans(Workbench(config, server), scale=scale)
    publish(assessment, PLANS_FORMATS, output)
    return _judge(assessment)


def parse_scale(text: str) -> float:
    """`hundredth`, `full`, or a positive number. Raises ConfigError."""
    try:
        scale = _SIZES.get(text) or float(text)
    except ValueError:
        scale = 0
    if not 0 < scale <= 100:
        raise ConfigError(
            f"{text!r} is no size for a load.", fixes=("say hundredth, full or a number such as 0.1",)
        )
    return scale


def _judge(assessment: PlanAssessment) -> ExitCode:
    if assessment.broken or assessment.flaws:
        return ExitCode.SCHEMA_PROBLEM
    return ExitCode.CANNOT_JUDGE if assessment.faults else ExitCode.GOOD
