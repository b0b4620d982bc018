"""The system catalogs are read in one place."""

from __future__ import annotations

import re
from pathlib import Path

import pgassay

SOURCE = Path(pgassay.__file__).parent
READ = re.compile(
    r"\b(?:from|join)\s+(?:pg_catalog\.)?pg_(policy|proc|constraint|trigger|class|attribute|index|attrdef|type|rewrite|enum)\b",
    re.I,
)
OWNERS = {"catalog", "server", "database", "supabase"}
# Counters of its own sequences; statistics of the planner; examples of mutants; what a plan may call.
OTHERS = {
    *("coverage/counters.py", "plans/observing.py", "plans/assessment.py"),
    *(f"mutation/operators/{name}.py" for name in ("functions", "queries", "sequences")),
}


def test_only_the_catalog_reads_the_system_catalogs() -> None:
    readers = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if READ.search(path.read_text(encoding="utf-8"))
    }
    assert {reader for reader in readers if reader.split("/")[0] not in OWNERS} == OTHERS
