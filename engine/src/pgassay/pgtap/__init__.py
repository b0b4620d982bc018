"""pgTAP: find it, install it, run a file, judge what it wrote."""

from __future__ import annotations

from pgassay.pgtap.run import PgtapDatabase, find_psql, run_file

__all__ = ["PgtapDatabase", "find_psql", "run_file"]
