"""Probes inside PL/pgSQL bodies and policy expressions, in clones only."""

from __future__ import annotations

from pgassay.instrument.catalog import read_functions, read_policies
from pgassay.instrument.counters import install_counters
from pgassay.instrument.coverage import Coverage, Exemption, Item, assess_coverage
from pgassay.instrument.exemptions import read_exemptions
from pgassay.instrument.faults import install_faults
from pgassay.instrument.inventory import Inventory, take_inventory
from pgassay.instrument.measurement import Measurement
from pgassay.instrument.model import Atom, Branch, Function, InstrumentError, Point, Policy
from pgassay.instrument.policies import find_atoms, rewrite_policy
from pgassay.instrument.rewriting import find_branches, find_points, rewrite
from pgassay.instrument.sources import find_sources
from pgassay.instrument.tally import Tally

__all__ = [
    "Atom",
    "Branch",
    "Coverage",
    "Exemption",
    "Function",
    "InstrumentError",
    "Inventory",
    "Item",
    "Measurement",
    "Point",
    "Policy",
    "Tally",
    "assess_coverage",
    "find_atoms",
    "find_branches",
    "find_points",
    "find_sources",
    "install_counters",
    "install_faults",
    "read_exemptions",
    "read_functions",
    "read_policies",
    "rewrite",
    "rewrite_policy",
    "take_inventory",
]
