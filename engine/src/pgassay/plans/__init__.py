"""Plan contracts: what EXPLAIN must show for a project's hot queries, on a load of its own making."""

from __future__ import annotations

from pgassay.plans.assessment import PlanAssessment as PlanAssessment
from pgassay.plans.assessment import assess_plans as assess_plans
from pgassay.plans.assessment import growth_path as growth_path
from pgassay.plans.judging import Judge as Judge
from pgassay.plans.load import Rows as Rows
from pgassay.plans.load import loaded as loaded
from pgassay.plans.model import Contract as Contract
from pgassay.plans.model import read_contracts as read_contracts
from pgassay.plans.model import read_plan as read_plan
