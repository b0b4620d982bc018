"""Tests on mutants: the baseline, the order, the verdicts, and what is kept of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgassay.errors import CannotJudgeError
from pgassay.mutation.footprint import Footprint, read_footprint
from pgassay.mutation.history import History, save_baseline, save_history
from pgassay.mutation.model import Mutant, Result, Status, suite_of
from pgassay.mutation.order import Order
from pgassay.mutation.pool import TEST_SECONDS, Noted, Pool, WorkerClient

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
        self._numbers = {name: number for number, name in enumerate(pool.tests)}

    def over(self, mutants: Sequence[Mutant], *, suites: tuple[str, ...]) -> None:
        """Find the fate of each, by the tests of `suites`. Raises RedBaselineError."""
        if not set(self._names) <= set(self._history.baseline):
            self._record()
        self._on_stage(f"mutant 1 of {len(mutants)}")
        order = Order(self._footprints(suites), self._names)
        found: list[Result] = []

        def run(worker: WorkerClient, mutant: Mutant) -> None:
            with self._lock:
                tests = order.rank(mutant, killer=self._numbers.get(self._history.killers.get(mutant.id, "")))
            started = time.perf_counter()
            answer = worker.test(mutant.statements, tests, seconds=TEST_SECONDS)
            result = self._judge(mutant, answer, seconds=time.perf_counter() - started)
            with self._lock:
                found.append(result)
                order.learn(mutant, tests[: result.ran], killed=result.is_killed)
                self._keep(result, suites)
                self._on_stage(f"mutant {len(found)} of {len(mutants)}")

        try:
            self._pool.each(mutants, run)
            self._confirm(found, suites)
        finally:
            save_history(self._path, self._history)

    def _confirm(self, found: Sequence[Result], suites: tuple[str, ...]) -> None:
        """Run what killed on the schema itself again: a test that fails there by now has killed nothing."""
        killers = sorted({self._numbers[result.by] for result in found if result.is_killed})
        red: dict[str, str] = {}
        ran = 0

        def keep(one: Noted) -> None:
            nonlocal ran
            ran += 1
            if not one.is_green:
                red[self._names[one.test]] = one.reason
            self._on_stage(f"the schema itself again: test {ran} of {len(killers)}")

        self._pool.record(killers, on_test=keep)
        for result in (result for result in found if result.by in red):
            reason = f"{result.by} killed it, and fails on the schema itself by now: {red[result.by]}"
            self._history.of(suites)[result.id] = replace(result, status=Status.UNJUDGED, reason=reason)
            del self._history.killers[result.id]

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
        red = [one for one in noted.values() if not one.is_green]
        if red:
            raise _red(red, self._names)
        costs = estimate_seconds(noted.values())
        self._history.baseline = {
            self._names[number]: {
                "seconds": costs[number],
                "shared": one.shared,
                "sending": one.sending,
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
            raise CannotJudgeError(
                "No test sends anything to a database of the schema.",
                fixes=("name suites in [tool.pgassay]", "accept a matrix: pgassay matrix --accept"),
            )
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
