"""What the suites never ran: statements and branches of functions, atoms of policies."""

from __future__ import annotations

from pgassay.coverage.assessment import (
    Coverage,
    Exemption,
    Item,
    Measurement,
    assess_coverage,
    read_exemptions,
)
from pgassay.coverage.counters import Tally, install_counters
from pgassay.coverage.inventory import CoverageInventory, take_inventory
from pgassay.coverage.policies import find_atoms, rewrite_policy

__all__ = [
    "Coverage",
    "CoverageInventory",
    "Exemption",
    "Item",
    "Measurement",
    "Tally",
    "assess_coverage",
    "find_atoms",
    "install_counters",
    "read_exemptions",
    "rewrite_policy",
    "take_inventory",
]
