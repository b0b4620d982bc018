"""Explore scenarios: run every schedule that can differ, and tell which of them break what."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import SimpleQueue

from pgassay.errors import CannotJudgeError, ConfigError
from pgassay.races.arena import Arena
from pgassay.races.explorer import Census, Explorer
from pgassay.races.model import (
    DEADLOCK,
    SERIALIZATION,
    Expectation,
    Isolation,
    RunOutcome,
    Scenario,
    StepFate,
    Trial,
)
from pgassay.races.preparation import PreparedScenario
from pgassay.races.run import ScheduleRun
from pgassay.server import failures_explained
from pgassay.workbench import Workbench

PREEMPTIONS = 2
"""How often a schedule may interrupt a session that could go on, where functions are interrupted too."""


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """One scenario, explored. `outcomes` counts schedules; `broken` begins with the simplest."""

    scenario: Scenario
    census: Census
    outcomes: dict[RunOutcome, int]
    waited: int  # schedules in which a session waited for another
    deadlocked: int
    unserializable: int
    broken: tuple[Trial, ...]
    unseen: tuple[Expectation, ...]  # expected, and in no schedule
    notes: tuple[str, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        return not self.broken and not self.unseen


def explore(
    arena: Arena,
    scenario: Scenario,
    *,
    prune: bool = True,
    preemptions: int = PREEMPTIONS,
    on_schedule: Callable[[], None] = lambda: None,
) -> Exploration:
    """Run a scenario's schedules; `on_schedule` hears of each. Raises CannotJudgeError, SchemaError."""
    started = time.monotonic()
    tally = _Tally()
    stage = PreparedScenario(arena, scenario)
    # Under SERIALIZABLE every transaction may matter to every other.
    prune = prune and not scenario.inside and scenario.isolation is not Isolation.SERIALIZABLE
    obstacle = stage.why_unpruned() if prune else ""
    explorer = Explorer(
        stage.start,
        prune=prune and not obstacle,
        bound=preemptions if scenario.inside else None,
    )
    for trial in explorer.explore():
        tally.add(trial)
        on_schedule()
    arena.check(scenario)
    return Exploration(
        scenario=scenario,
        census=explorer.census,
        outcomes=dict(tally.outcomes),
        waited=tally.seen["waited"],
        deadlocked=tally.seen["deadlocked"],
        unserializable=tally.seen["unserializable"],
        broken=tuple(sorted(tally.broken, key=lambda trial: trial.simplicity)),
        unseen=_unseen(scenario, tally.outcomes),
        notes=tuple(_notes(obstacle, arena.why_slow, preemptions if scenario.inside else None)),
        seconds=time.monotonic() - started,
    )


def _notes(obstacle: str, why_slow: str, preemptions: int | None) -> Iterator[str]:
    if preemptions is not None:
        yield f"inside functions, with at most {preemptions} interruptions in a schedule"
    if obstacle:
        yield f"not pruned: {obstacle}"
    if why_slow:
        yield f"slow, a clone for each schedule, because the owner can not undo the steps: {why_slow}"


def explore_all(
    bench: Workbench,
    scenarios: Sequence[Scenario],
    *,
    jobs: int = 1,
    on_schedule: Callable[[Scenario], None] = lambda _: None,
) -> tuple[Exploration, ...]:
    """Explore scenarios, `jobs` at a time, each job in a database of its own."""
    stop = threading.Event()
    arenas = SimpleQueue[Arena]()

    def work(scenario: Scenario) -> Exploration:
        def note() -> None:
            on_schedule(scenario)
            if stop.is_set():
                raise CannotJudgeError("The exploration was stopped.")

        arena = arenas.get()
        try:
            return explore(arena, scenario, on_schedule=note)
        finally:
            arenas.put(arena)

    with failures_explained(bench.server), ExitStack() as resources, ThreadPoolExecutor(jobs) as pool:
        for _ in range(min(jobs, len(scenarios))):
            arenas.put(resources.enter_context(Arena(bench)))
        futures = [pool.submit(work, scenario) for scenario in scenarios]
        try:
            return tuple(future.result() for future in futures)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def replay(bench: Workbench, scenario: Scenario, schedule: Sequence[str]) -> Trial:
    """Run one schedule, then, in their order, whatever steps it does not name.

    Raises ConfigError when a session can not go on where the schedule says so.
    """
    with failures_explained(bench.server), Arena(bench) as arena:
        run = PreparedScenario(arena, scenario).start()
        for number, name in enumerate(schedule, start=1):
            if name not in run.ready:
                raise _refusal(run, schedule, number, name)
            run.repeat(name)
        while run.ready:
            run.repeat(run.ready[0])
        return run.finish()


def _refusal(run: ScheduleRun, schedule: Sequence[str], number: int, name: str) -> ConfigError:
    waiting = run.waiting
    if name not in run.parties:
        reason, fix = f"there is no session {name!r}", f"name one of {', '.join(run.parties)}"
    elif name in waiting:
        reason, fix = f"{name} waits for {', '.join(waiting[name])}", "let somebody else go on first"
    else:
        reason, fix = f"{name} has no step left: {run.parties[name].result}", "leave it out from there on"
    return ConfigError(
        f"{run.scenario.name} has no schedule {','.join(schedule)}: at step {number}, {reason}.", fixes=(fix,)
    )


class _Tally:
    """What has been seen so far."""

    def __init__(self) -> None:
        self.outcomes: Counter[RunOutcome] = Counter()
        self.seen: Counter[str] = Counter()
        self.broken: list[Trial] = []

    def add(self, trial: Trial) -> None:
        self.outcomes[trial.outcome] += 1
        self.seen["waited"] += trial.saw(StepFate.WAITS)
        self.seen["deadlocked"] += trial.saw(StepFate.FAILED, DEADLOCK)
        self.seen["unserializable"] += trial.saw(StepFate.FAILED, SERIALIZATION)
        if trial.is_broken:
            self.broken.append(trial)


def _unseen(scenario: Scenario, outcomes: Counter[RunOutcome]) -> tuple[Expectation, ...]:
    return tuple(
        expected
        for expected in scenario.expected
        if not any(outcome.matches(expected.values) for outcome in outcomes)
    )
