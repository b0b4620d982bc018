"""How fast schedules are explored."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from measure import Row

from pgassay.races.exploration import explore_all
from pgassay.races.model import Scenario, SessionScript
from pgassay.workbench import Workbench

_STEPS = (
    "update public.users set full_name = 'A' where id = auth.uid()",
    "select count(*) from public.jobs",
    "insert into public.jobs (user_id) values (auth.uid())",
)


def schedules(bench: Workbench) -> Iterator[Row]:
    """Two sessions of four steps (three statements and COMMIT), as the command explores them."""
    scenario = Scenario(
        name="bench",
        sessions=tuple(
            SessionScript(name=name, persona=bench.personas[name], requests=(_STEPS,))
            for name in ("alice", "bob")
        ),
    )
    jobs = os.cpu_count() or 1
    started = time.monotonic()
    explored = explore_all(bench, [scenario] * 4 * jobs, jobs=jobs)
    taken = time.monotonic() - started
    run = sum(one.census.schedules + one.census.cut for one in explored)
    yield Row(name="schedules of two sessions of four steps", ours=run / taken, theirs=None, unit="per s")
