"""PL/pgSQL functions: their bodies as statements, their places in files, points for probes, faults."""

from __future__ import annotations

from pgassay.plpgsql.faults import install_faults
from pgassay.plpgsql.model import Branch, InstrumentError, Point
from pgassay.plpgsql.rewriting import find_branches, find_points, read_functions, rewrite
from pgassay.plpgsql.sources import find_sources

__all__ = [
    "Branch",
    "InstrumentError",
    "Point",
    "find_branches",
    "find_points",
    "find_sources",
    "install_faults",
    "read_functions",
    "rewrite",
]
