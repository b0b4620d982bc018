"""Probes inside PL/pgSQL bodies and policy expressions, in clones only."""

from __future__ import annotations

from pgassay.instrument.catalog import read_functions
from pgassay.instrument.model import Branch, Function, Point
from pgassay.instrument.rewriting import InstrumentError, find_branches, find_points, rewrite

__all__ = [
    "Branch",
    "Function",
    "InstrumentError",
    "Point",
    "find_branches",
    "find_points",
    "read_functions",
    "rewrite",
]
