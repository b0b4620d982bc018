"""The pages that `make bench` writes, from what it measured last: bench/measured.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from measure import ROOT, Row, ratio_text, value_text

MEASURED = ROOT / "bench" / "measured.json"

HARNESS = (
    "isolated RLS test, against bare psycopg",
    "isolated RLS test, against pytest-postgresql",
    "cold start to the first answer, against initdb and psql",
    "clone by FILE_COPY, against the default",
    "access matrix, against one statement at a time",
    "matrix probes a second",
    "matrix of 200 tables, against 50, a table",
    "audit from nothing, against psql and pgrls lint",
    "difference from nothing, against psql, pg_dump and diff",
    "schedules of two sessions of four steps",
    "all pgTAP files, against pg_prove",
)
SAMPLE = 200
MUTANTS = (
    "one mutant, against loading the file and pytest -x",
    f"{SAMPLE} mutants with their baseline, against the suites once",
)
STEPS = ("enqueue", "claim", "progress", "complete")
WORKERS = (1, 2, 4, 8)
SCHEMA = (
    "enqueue with RLS, against without",
    *(f"{step} with triggers and RLS, against neither" for step in STEPS),
    "progress updates that are HOT",
    *(f"claims of {workers} workers, against 1" for workers in WORKERS),
    *(f"clients that wait for a lock, of {workers}" for workers in WORKERS),
    "claim, against the fetch of procrastinate",
    "jobs claimed ten at a time, against the same",
    "claim beside 20,000 in back-off, against none",
    "queue view of 205,000 jobs in all states, against 5,000",
    "queue view of 205,000 jobs all completed, against 5,000",
    "closing, for each of 4,000 jobs, against 500",
)

_HARNESS_PAGE = """# Performance

What the engine costs, beside what one would do without it, {setting}

Both sides of a line take turns in one run, and each figure is the median, so whatever else the machine does
weighs on both. Where time is measured, a ratio below 1 says that ours is faster.

{table}

* *Isolated*: begin, become a user, run one query under row level security, roll back. pytest-postgresql makes
  a database for each test.
* *From nothing*: no server runs, and nothing is kept from an earlier run. The programs beside `audit` and
  `diff` read catalogs and execute nothing of the schema.
* *One mutant*: the schema with one change in it, and the tests up to the first that fails: the mean of
  {sample} that a hash draws from all, and of a few of them the plain way. *The suites once*: in one process,
  without a mutant. {of_mutants}

`make bench` measures all lines but those of mutants, which `make bench-mutants` measures. Both write this.
"""
_SCHEMA_PAGE = """# Speed of the schema

`make bench` writes this page, {setting} Both sides of a line take turns in one run, and each figure is the
median. Where something is counted a second, a ratio below 1 is what our guards cost.

{table}
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The last figures, by the name of their row; `settings`: of "bench" and of "mutants", in a sentence."""

    rows: Mapping[str, Row]
    settings: Mapping[str, str]


def pages(measured: Measured) -> dict[Path, str]:
    """Each page with its text."""
    rows, settings = measured.rows, measured.settings
    return {
        ROOT / "engine" / "docs" / "explanation" / "performance.md": _HARNESS_PAGE.format(
            setting=settings["bench"],
            of_mutants=settings["mutants"].capitalize() if "mutants" in settings else "Not measured yet.",
            sample=SAMPLE,
            table=table([rows[name] for name in (*HARNESS, *MUTANTS) if name in rows]),
        ),
        ROOT / "docs" / "performance.md": _SCHEMA_PAGE.format(
            setting=settings["bench"], table=table([rows[name] for name in SCHEMA])
        ),
    }


def table(rows: Sequence[Row]) -> str:
    lines = ["| | ours | beside it | ratio |", "|---|---:|---:|---:|"]
    for row in rows:
        values = [value_text(row.ours, row.unit), value_text(row.theirs, row.unit), ratio_text(row.ratio)]
        lines.append(f"| {row.name} | {' | '.join(values)} |")
    return "\n".join(lines)


def read_measured() -> Measured:
    """What was measured so far; nothing where there is no file."""
    if not MEASURED.exists():
        return Measured(rows={}, settings={})
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    return Measured(rows={row["name"]: Row(**row) for row in found["rows"]}, settings=found["settings"])


def publish(rows: Sequence[Row], *, expected: Sequence[str], settings: Mapping[str, str]) -> None:
    """Keep what was measured and write the pages. `settings`: of "bench" or of "mutants", in a sentence."""
    names = [row.name for row in rows]
    assert sorted(names) == sorted(expected), set(names) ^ set(expected)
    former = read_measured()
    known = {**former.rows, **{row.name: row for row in rows}}
    measured = Measured(rows=known, settings={**former.settings, **settings})
    kept = [asdict(known[name]) for name in (*HARNESS, *MUTANTS, *SCHEMA) if name in known]
    document = {"settings": measured.settings, "rows": kept}
    MEASURED.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if {*HARNESS, *SCHEMA} <= known.keys():  # mutants may never have been measured
        for path, text in pages(measured).items():
            path.write_text(text, encoding="utf-8")
