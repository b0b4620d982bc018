"""Plan contracts: what EXPLAIN must show for a project's hot queries, on a load of its own making."""

from __future__ import annotations

from pgassay.plans.assessment import PlanAssessment, assess_plans, growth_path
from pgassay.plans.contracts import read_contracts
from pgassay.plans.judging import Judge
from pgassay.plans.load import Rows, loaded
from pgassay.plans.model import Contract, read_plan

__all__ = [
    "Contract",
    "Judge",
    "PlanAssessment",
    "Rows",
    "assess_plans",
    "growth_path",
    "loaded",
    "read_contracts",
    "read_plan",
]
