"""PL/pgSQL functions and policies as the server has them, their places in files, and points for probes."""

from __future__ import annotations

from pgassay.plpgsql.catalog import read_functions
from pgassay.plpgsql.faults import install_faults
from pgassay.plpgsql.model import Atom, Branch, Function, InstrumentError, Point, Policy
from pgassay.plpgsql.rewriting import find_branches, find_points, rewrite
from pgassay.plpgsql.sources import find_sources

__all__ = [
    "Atom",
    "Branch",
    "Function",
    "InstrumentError",
    "Point",
    "Policy",
    "find_branches",
    "find_points",
    "find_sources",
    "install_faults",
    "read_functions",
    "rewrite",
]
