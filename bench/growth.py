"""How the time of one operation grows from 10,000 jobs to a million: one chart, drawn once.

Writes docs/pictures/growth.png, and build/growth.svg for the page of `pgassay plans`. Loads 1.4 million jobs
in all: minutes, not seconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import matplotlib as mpl
from measure import ROOT
from rich.console import Console
from rich.progress import track

from pgassay.config import load_config
from pgassay.database import Session
from pgassay.plans.assessment import growth_path
from pgassay.plans.load import loaded
from pgassay.server import open_server
from pgassay.workbench import Workbench

JOBS = (10_000, 30_000, 100_000, 300_000, 1_000_000)
REPEATS = 101
PICTURE = ROOT / "docs" / "pictures" / "growth.png"

# As whom, and what; each execution is rolled back.
OPERATIONS = {
    "claim one job": ("service", "select * from public.claim_next_jobs('worker', 1, '5 minutes')"),
    "my 20 newest jobs": ("alice", "select * from public.jobs order by created_at desc, id desc limit 20"),
    "my 50 latest ledger entries": (
        "alice",
        "select * from public.credit_transactions order by id desc limit 50",
    ),
    "queue a job": (
        "alice",
        "insert into public.jobs (user_id, status, input_video_path)"
        " values ((select auth.uid()), 'QUEUED', (select auth.uid()) || '/video.mp4')",
    ),
    "report progress": (
        "service",
        "update public.jobs set progress_percentage = 10"
        " where id = (select id from public.jobs where status = 'RENDERING' limit 1)",
    ),
}


def main() -> int:
    config = load_config(ROOT)
    with open_server(os.environ.get("PGASSAY_SERVER") or config.server) as server:
        bench = Workbench(config, server)
        sizes = track(JOBS, console=Console(stderr=True), transient=True)
        seconds = {jobs: measure(bench, jobs) for jobs in sizes}
    chart = growth_path(config)
    draw(seconds, PICTURE, chart)
    print(f"{chart.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)} written")
    return 0


def measure(bench: Workbench, jobs: int) -> dict[str, float]:
    """The fastest execution of each operation, in seconds, in a load of so many jobs."""
    with (
        loaded(bench, scale=jobs / 1_000_000) as database,
        closing(database.connect()) as connection,
    ):
        session = Session(connection, owner=database.owner)
        return {name: _fastest(session, bench, *operation) for name, operation in OPERATIONS.items()}


def _fastest(session: Session, bench: Workbench, persona: str, query: str) -> float:
    def execute() -> None:
        session.execute(query)

    took = []
    for _ in range(REPEATS):
        with session.transaction():
            session.act_as(bench.personas[persona])
            took.append(_timed(execute))
    return min(took)


def _timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def draw(seconds: dict[int, dict[str, float]], *pictures: Path) -> None:
    """One line an operation; both axes logarithmic, so that linear growth would be a slope of one."""
    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the choice of a backend without a display

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for name in OPERATIONS:
        took = [1000 * figures[name] for figures in seconds.values()]
        label = f"{name}: {took[0]:.2f} to {took[-1]:.2f} ms"
        axes.plot(list(seconds), took, marker="o", label=label)
    first, last = min(seconds), max(seconds)
    slowest = max(seconds[first].values()) * 1000
    axes.plot([first, last], [slowest, slowest * last / first], "k:", label="if it grew with the table")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="jobs",
        ylabel=f"milliseconds, fastest of {REPEATS}",
        ylim=(None, slowest * 20),
    )
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize="small")
    for picture in pictures:
        picture.parent.mkdir(parents=True, exist_ok=True)
        stamp = {"Software": None} if picture.suffix == ".png" else {"Date": None}
        figure.savefig(picture, dpi=110, metadata=stamp)


if __name__ == "__main__":
    sys.exit(main())
