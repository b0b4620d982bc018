"""Tests on mutants: the baseline, the order, the verdicts, and what is kept of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from pgassay.errors import CannotJudgeError
from pgassay.mutation.client import WorkerClient
from pgassay.mutation.footprint import Footprint, read_footprint
from pgassay.mutation.history import History, save_baseline, save_history
from pgassay.mutation.model import Mutant, Result, Status
from pgassay.mutation.order import Order
from pgassay.mutation.pool import TEST_SECONDS, Noted, Pool
from pgassay.mutation.suites import suite_of

_SAVE_SECONDS = 5.0
_SHOWN = 10  # failures of a red baseline


class RedBaselineError(CannotJudgeError):
    """The suites fail on the schema itself: their failures would say nothing about mutants."""


Say = Callable[[str], None]


class Run:
    """Runs the tests of a pool of workers; keeps what it finds in `history`, and that in the file `path`."""

    def __init__(self, pool: Pool, history: History, path: Path, *, on_stage: Say) -> None:
        self._pool = pool
        self._history = history
        self._path = path
        self._on_stage = on_stage
        self._lock = threading.Lock()
        self._saved = time.monotonic()
        self._names = pool.tests

    def over(self, mutants: Sequence[Mutant], *, suites: tuple[str, ...]) -> None:
        """Find the fate of each, by the tests of `suites`. Raises RedBaselineError."""
        if not set(self._names) <= set(self._history.baseline):
            self._record()
        self._on_stage(f"mutant 1 of {len(mutants)}")
        order = Order(self._footprints(suites), self._names)
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
                self._keep(result, suites)
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

    def _keep(self, result: Result, suites: tuple[str, ...]) -> None:
        self._history.of(suites)[result.id] = result
        if result.is_killed:
            self._history.killers[result.id] = result.by
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
        costs = estimate_seconds(noted.values())
        self._history.baseline = {
            self._names[number]: {
                "seconds": costs[number],
                "footprint": one.footprint | ({"sees": False} if one.outcome == "skipped" else {}),
            }
            for number, one in sorted(noted.items())
        }
        save_baseline(self._path, self._history)

    def _footprints(self, suites: tuple[str, ...]) -> dict[int, Footprint]:
        """Of the tests that could notice anything. Raises CannotJudgeError when there is none."""
        found: dict[int, Footprint] = {}
        for number, name in enumerate(self._names):
            if (
                suite_of(name) in suites
                and (noted := self._history.baseline.get(name))
                and noted["footprint"]["sees"]
            ):
                found[number] = read_footprint(noted["footprint"], seconds=noted["seconds"])
        if not found:
            raise CannotJudgeError("No test sends anything to a database of the schema.")
        return found


def estimate_seconds(noted: Iterable[Noted]) -> dict[int, float]:
    """What each test takes when it is the first of a mutant: it pays for fixtures that others share.

    What a test's fixtures took is booked on the one that the fewest tests have.
    """
    tests = tuple(noted)
    users = Counter(name for one in tests for name in one.shared)
    prices: dict[str, float] = {}
    for one in tests:
        if one.shared:
            name = min(one.shared, key=lambda name: users[name])
            prices[name] = max(prices.get(name, 0.0), one.setup)
    return {
        one.test: one.seconds - one.setup + max([one.setup, *(prices.get(name, 0.0) for name in one.shared)])
        for one in tests
    }


def _red(failed: Sequence[Noted], names: Sequence[str]) -> RedBaselineError:
    shown = [f"{names[one.test]}: {one.reason}" for one in failed[:_SHOWN]]
    more = [f"and {len(failed) - _SHOWN} more"] if len(failed) > _SHOWN else []
    return RedBaselineError(
        f"{'1 test fails' if len(failed) == 1 else f'{len(failed)} tests fail'} on the schema itself: "
        "no mutant can be judged.",
        why="\n".join([*shown, *more]),
        fixes=("make the suites pass first",),
    )
