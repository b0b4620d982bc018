"""pgTAP: find it, install it, run a file, judge what it wrote."""

from __future__ import annotations

from pgassay.pgtap.run import PgtapDatabase, find_psql, run_file
from pgassay.pgtap.source import PgtapSource, find_pgtap, install_pgtap
from pgassay.pgtap.verdict import Assertion, FileVerdict, judge

__all__ = [
    "Assertion",
    "FileVerdict",
    "PgtapDatabase",
    "PgtapSource",
    "find_pgtap",
    "find_psql",
    "install_pgtap",
    "judge",
    "run_file",
]
