"""PL/pgSQL functions: their bodies as statements, their places in files, points for probes, faults."""

from __future__ import annotations

from pgassay.plpgsql.faults import install_faults
from pgassay.plpgsql.rewriting import find_points, read_functions

__all__ = ["find_points", "install_faults", "read_functions"]
