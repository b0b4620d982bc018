"""Plan contracts: what EXPLAIN must show for a project's hot queries, on a load of its own making."""

from __future__ import annotations

from pgassay.plans.load import Rows as Rows
