"""pgTAP: find it, install it, run a file, judge what it wrote."""

from __future__ import annotations

from pgassay.pgtap.run import PgtapDatabase, find_psql, run_file
from pgassay.pgtap.source import find_pgtap, install_pgtap

__all__ = ["PgtapDatabase", "find_pgtap", "find_psql", "install_pgtap", "run_file"]
