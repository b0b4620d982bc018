"""Plan contracts: what EXPLAIN must show for a project's hot queries, on a load of its own making."""

from __future__ import annotations

from pgassay.catalog.model import Index
from pgassay.plans.assessment import HUNDREDTH, Believed, PlanAssessment, assess_plans, growth_path
from pgassay.plans.contracts import read_contracts
from pgassay.plans.indexes import Flaw
from pgassay.plans.judging import Judge
from pgassay.plans.keeping import ensure_kept
from pgassay.plans.load import Load, Rows, read_load
from pgassay.plans.loading import loaded
from pgassay.plans.model import Contract, Judgement, Node, Plan, Scans, Sighting
from pgassay.plans.necessity import Need, find_needs
from pgassay.plans.reading import read_plan

__all__ = [
    "HUNDREDTH",
    "Believed",
    "Contract",
    "Flaw",
    "Index",
    "Judge",
    "Judgement",
    "Load",
    "Need",
    "Node",
    "Plan",
    "PlanAssessment",
    "Rows",
    "Scans",
    "Sighting",
    "assess_plans",
    "ensure_kept",
    "find_needs",
    "growth_path",
    "loaded",
    "read_contracts",
    "read_load",
    "read_plan",
]
