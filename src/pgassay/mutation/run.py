"""The whole way from a schema to the fates of its mutants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from pgassay.access.places import find_places
from pgassay.config import Config
from pgassay.database import read_script
from pgassay.errors import CannotJudgeError
from pgassay.mutation.catalog import read_things
from pgassay.mutation.client import WorkerClient
from pgassay.mutation.footprint import Footprint, read_footprint
from pgassay.mutation.history import History, fingerprint, history_path, load_history, save_history
from pgassay.mutation.ignored import read_ignored
from pgassay.mutation.model import Mutant, Result, Status
from pgassay.mutation.order import Order
from pgassay.mutation.outcome import Campaign, Fate
from pgassay.mutation.plan import Selection, plan_mutants
from pgassay.mutation.pool import TEST_SECONDS, Noted, Pool, open_pool
from pgassay.mutation.things import Thing
from pgassay.server import Server
from pgassay.workbench import Workbench

MATRIX = "access matrix"
"""The name of the test that compares the access matrix with its baseline."""
_SAVE_SECONDS = 5.0
_SHOWN = 10  # failures of a red baseline


class RedBaselineError(CannotJudgeError):
    """The suites fail on the schema itself: their failures would say nothing about mutants."""


Say = Callable[[str], None]


def run_campaign(
    config: Config,
    server: Server,
    *,
    selection: Selection = Selection(),
    base: Config | None = None,
    jobs: int = 1,
    on_stage: Say = lambda _: None,
) -> Campaign:
    """Plan, run and tell. With `base`, only what is not the same there is mutated.

    Results are kept in build/mutation.json: a run that was stopped goes on. Raises SchemaError when the schema
    does not load, RedBaselineError, or CannotJudgeError when the suites cannot be run.
    """
    started = time.perf_counter()
    bench = Workbench(config, server)
    on_stage("reading the schema")
    everything = plan(bench, unchanged=read_things(Workbench(base, server)) if base else ())
    chosen = [mutant for mutant in everything if selection.takes(mutant)]
    ignored = read_ignored(config.mutants)
    path = history_path(config)
    history = load_history(path, key=fingerprint(config, server=f"{server.version}"))
    waiting = [one for one in chosen if one.id not in ignored and not _is_known(history, one)]
    if waiting:
        on_stage("collecting the suites")
        with open_pool(config, server, jobs=jobs) as pool:
            Run(pool, history, path, on_stage).over(waiting, with_matrix=_has_baseline(config))
    fates = [Fate(mutant=one, result=_result(one, history, ignored)) for one in chosen]
    return Campaign(
        fates=tuple(fates),
        stale=() if base else tuple(sorted(set(ignored) - {one.id for one in everything})),
        blind=tuple(test for test, noted in history.baseline.items() if not noted["footprint"]["sees"]),
        tests=sum(noted["footprint"]["sees"] for noted in history.baseline.values()),
        resumed=len(chosen) - len(waiting),
        seconds=time.perf_counter() - started,
    )


def plan(bench: Workbench, *, unchanged: Collection[Thing] = ()) -> tuple[Mutant, ...]:
    """All mutants of the project's schema and companions."""
    config = bench.config
    places = find_places(read_script(path) for path in (*config.schema, *config.companions))
    things = read_things(bench)
    return plan_mutants(things, places=places, unbound=_unbound(bench), unchanged=unchanged)


def _unbound(bench: Workbench) -> list[str]:
    """The roles that no policy binds: the schema's owner, and those with BYPASSRLS."""
    server = bench.server
    with closing(psycopg.connect(server.conninfo(server.maintenance))) as connection:
        roles = connection.execute(
            "select rolname from pg_catalog.pg_roles where rolbypassrls or rolsuper or rolname = %s",
            [bench.owner],
        )
        return [name for (name,) in roles]


def _has_baseline(config: Config) -> bool:
    return config.baseline is not None and config.baseline.exists()


def _is_known(history: History, mutant: Mutant) -> bool:
    result = history.results.get(mutant.id)
    return result is not None and result.status is not Status.UNJUDGED


def _result(mutant: Mutant, history: History, ignored: Mapping[str, str]) -> Result:
    if mutant.id in ignored:
        return Result(id=mutant.id, status=Status.EQUIVALENT, reason=ignored[mutant.id])
    return history.results[mutant.id]


class Run:
    """Tests on mutants, in a pool of workers; keeps what it finds in `history`."""

    def __init__(self, pool: Pool, history: History, path: Path, on_stage: Say) -> None:
        self._pool = pool
        self._history = history
        self._path = path
        self._on_stage = on_stage
        self._lock = threading.Lock()
        self._saved = time.monotonic()

    def over(self, mutants: Sequence[Mutant], *, with_matrix: bool) -> None:
        """Find the fate of each. Raises RedBaselineError."""
        self._names = [*self._pool.tests, *([MATRIX] if with_matrix else [])]
        if not set(self._names) <= set(self._history.baseline):
            self._record()
        order = Order(self._footprints(), self._names)
        numbers = {name: number for number, name in enumerate(self._names)}
        done = 0

        def run(worker: WorkerClient, mutant: Mutant) -> None:
            nonlocal done
            with self._lock:
                tests = order.rank(mutant, killer=numbers.get(self._history.killers.get(mutant.id, "")))
            started = time.perf_counter()
            answer = worker.test(mutant.statements, tests, seconds=TEST_SECONDS)
            result = self._judge(mutant, answer, seconds=time.perf_counter() - started)
            with self._lock:
                done += 1
                order.learn(mutant, tests[: result.ran], killed=result.is_killed)
                self._keep(result)
                self._on_stage(f"mutant {done} of {len(mutants)}")

        try:
            self._pool.each(mutants, run)
        finally:
            save_history(self._path, self._history)

    def _judge(self, mutant: Mutant, answer: dict[str, Any], *, seconds: float) -> Result:
        by = answer.get("by")
        return Result(
            id=mutant.id,
            status=Status(answer["status"]),
            by="" if by is None else self._names[by],
            ran=answer.get("ran", 0),
            reason=answer.get("reason", ""),
            seconds=seconds,
        )

    def _keep(self, result: Result) -> None:
        self._history.add(result)
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            save_history(self._path, self._history)
            self._saved = time.monotonic()

    def _record(self) -> None:
        """Run every test on the schema itself. Raises RedBaselineError unless all pass."""
        noted: dict[int, Noted] = {}

        def keep(one: Noted) -> None:
            noted[one.test] = one
            self._on_stage(f"baseline: test {len(noted)} of {len(self._names)}")

        self._pool.record(range(len(self._names)), on_test=keep)
        red = [one for one in noted.values() if one.outcome not in ("passed", "skipped")]
        if red:
            raise _red(red, self._names)
        self._history.baseline = {
            self._names[number]: {"seconds": one.seconds, "footprint": one.footprint}
            for number, one in sorted(noted.items())
            if one.outcome == "passed"
        }
        save_history(self._path, self._history)

    def _footprints(self) -> dict[int, Footprint]:
        """Of the tests that could notice anything. Raises CannotJudgeError when there is none."""
        found: dict[int, Footprint] = {}
        for number, name in enumerate(self._names):
            if (noted := self._history.baseline.get(name)) and noted["footprint"]["sees"]:
                found[number] = read_footprint(noted["footprint"], seconds=noted["seconds"])
        if not found:
            raise CannotJudgeError("No test sends anything to a database of the schema.")
        return found


def _red(failed: Sequence[Noted], names: Sequence[str]) -> RedBaselineError:
    shown = [f"{names[one.test]}: {one.reason}" for one in failed[:_SHOWN]]
    more = [f"and {len(failed) - _SHOWN} more"] if len(failed) > _SHOWN else []
    return RedBaselineError(
        f"{len(failed)} tests fail on the schema itself, so that no mutant can be judged.",
        why="\n".join([*shown, *more]),
        fixes=("make the suites pass first",),
    )
