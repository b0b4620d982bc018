"""Tests on mutants: the reference run, the verdicts, and what is kept of them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pgassay.errors import CannotJudgeError
from pgassay.mutation.footprint import Footprint
from pgassay.mutation.history import History, save_history, save_reference
from pgassay.mutation.model import Mutant, MutantResult, MutantStatus, Noted, suite_of
from pgassay.mutation.order import Order
from pgassay.mutation.pool import Pool, WorkerClient

_SAVE_SECONDS = 5.0
_SHOWN = 10  # failures of a red reference run
_AFTER_A_HANG = 50  # tests


class RedReferenceError(CannotJudgeError):
    """The suites fail on the schema itself: their failures would say nothing about mutants."""


Say = Callable[[str], None]


class MutantRunner:
    """Runs the tests of a pool of workers; keeps what it finds in `history`, and that in the file `path`."""

    def __init__(self, pool: Pool, history: History, path: Path, *, on_progress: Say) -> None:
        self._pool = pool
        self._history = history
        self._path = path
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._saved = time.monotonic()

    def run(
        self, mutants: Sequence[Mutant], *, suites: tuple[str, ...], planned: Sequence[Mutant] = ()
    ) -> None:
        """Find the fate of each, by the tests of `suites`. Raises RedReferenceError.

        What killed any that are `planned` in earlier runs tells which tests are tried first.
        """
        known = self._history.reference.tests
        if unknown := [test for test in self._pool.tests if test not in known]:
            self._record(unknown)
        self._on_progress(f"mutant 1 of {len(mutants)}")
        footprints = self._footprints(suites)
        order = Order(footprints)
        for mutant in planned:
            killer = self._history.killers.get(mutant.id)
            if killer in footprints:  # it may be gone, or of other suites
                order.learn(mutant, [killer], killed=True)
        found: list[MutantResult] = []

        def run(worker: WorkerClient, mutant: Mutant) -> None:
            with self._lock:
                names = (mutant.id, *mutant.parts)
                killer = next((test for name in names if (test := self._history.killers.get(name))), "")
                tests = order.rank(mutant, killer=killer)
            result, ran = _find_fate(worker, mutant, tests)
            with self._lock:
                found.append(result)
                order.learn(mutant, ran, killed=result.is_killed)
                self._keep(result, suites)
                self._on_progress(f"mutant {len(found)} of {len(mutants)}")

        try:
            self._pool.each(mutants, run)
            self._confirm(found, suites)
        finally:
            save_history(self._path, self._history)

    def _confirm(self, found: Sequence[MutantResult], suites: tuple[str, ...]) -> None:
        """Run what killed on the schema itself again: a test that fails there by now has killed nothing."""
        by = {result.by for result in found if result.is_killed}
        killers = [test for test in self._pool.tests if test in by]
        noted = self._run_on_schema(killers, "the schema itself again")
        red = {test.test: test.reason for test in noted if not test.is_green}
        for result in (result for result in found if result.by in red):
            reason = f"{result.by} killed it, and fails on the schema itself by now: {red[result.by]}"
            self._history.of(suites)[result.id] = replace(result, status=MutantStatus.UNJUDGED, reason=reason)
            del self._history.killers[result.id]

    def _run_on_schema(self, tests: Sequence[str], stage: str, *, lines: bool = False) -> list[Noted]:
        noted: list[Noted] = []

        def keep(test: Noted) -> None:
            noted.append(test)
            self._on_progress(f"{stage}: test {len(noted)} of {len(tests)}")

        self._pool.record(tests, on_test=keep, lines=lines)
        return noted

    def _keep(self, result: MutantResult, suites: tuple[str, ...]) -> None:
        self._history.of(suites)[result.id] = result
        if result.is_killed:
            self._history.killers[result.id] = result.by
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            save_history(self._path, self._history)
            self._saved = time.monotonic()

    def _record(self, tests: Sequence[str]) -> None:
        """Run on the schema itself tests of which nothing is known. Raises RedReferenceError if one fails.

        Where the rest was noted on another schema, that is what stays in the file, to compare with again.
        """
        noted = self._run_on_schema(tests, "reference run", lines=True)
        if red := [test for test in noted if not test.is_green]:
            raise _red(red)
        reference, by_name = self._history.reference, {test.test: test for test in noted}
        found = {name: by_name.get(name) or reference.tests[name] for name in self._pool.tests}
        costs = estimate_seconds(found.values())
        reference.tests = {name: _priced(test, costs[name]) for name, test in found.items()}
        if reference.key == self._history.key:
            save_reference(self._path, self._history)

    def _footprints(self, suites: tuple[str, ...]) -> dict[str, Footprint]:
        """Of the tests that could notice anything. Raises CannotJudgeError when there is none."""
        noted = self._history.reference.tests
        chosen = (name for name in self._pool.tests if suite_of(name) in suites and name in noted)
        found = {name: noted[name].footprint for name in chosen if noted[name].footprint.sees}
        if not found:
            raise CannotJudgeError(
                "No test sends anything to a database of the schema.",
                fixes=(
                    "name suites in pgassay.toml or [tool.pgassay]",
                    "accept a matrix: pgassay matrix --accept",
                ),
            )
        return found


def _find_fate(worker: WorkerClient, mutant: Mutant, tests: list[str]) -> tuple[MutantResult, Sequence[str]]:
    """What became of it, and which tests ran on it, the killer last.

    Where a test hangs, the next ones are asked too: one that fails says more, and sooner the next time.
    """
    result = worker.test(mutant, tests)
    ran = tests[: result.ran]
    if result.status is not MutantStatus.TIMEOUT or not ran:
        return result, ran
    hanging = result.by.partition("[")[0]
    others = [test for test in tests[result.ran :] if test.partition("[")[0] != hanging][:_AFTER_A_HANG]
    second = worker.test(mutant, others)
    if second.status is not MutantStatus.KILLED:
        return result, ran
    ran = [*ran, *others[: second.ran]]
    return replace(second, ran=len(ran), seconds=result.seconds + second.seconds), ran


def _priced(test: Noted, seconds: float) -> Noted:
    """With what it takes; a test that is skipped notices nothing."""
    sees = test.footprint.sees and test.outcome != "skipped"
    return replace(test, footprint=replace(test.footprint, seconds=seconds, sees=sees))


def estimate_seconds(noted: Iterable[Noted]) -> dict[str, float]:
    """What each test takes when it is the first of a mutant: it pays for fixtures that others share.

    What a test's fixtures took is booked on the one that the fewest tests have.
    """
    tests = tuple(noted)
    users = Counter(name for test in tests for name in test.shared)
    prices: dict[str, float] = {}
    for test in tests:
        if test.shared:
            name = min(test.shared, key=lambda name: users[name])
            prices[name] = max(prices.get(name, 0.0), test.setup)
    return {
        t.test: t.seconds - t.setup + max([t.setup, *(prices.get(name, 0.0) for name in t.shared)])
        for t in tests
    }


def _red(failed: Sequence[Noted]) -> RedReferenceError:
    shown = [f"{test.test}: {test.reason}" for test in failed[:_SHOWN]]
    more = [f"and {len(failed) - _SHOWN} more"] if len(failed) > _SHOWN else []
    return RedReferenceError(
        f"{'1 test fails' if len(failed) == 1 else f'{len(failed)} tests fail'} on the schema itself: "
        "no mutant can be judged.",
        why="\n".join([*shown, *more]),
        fixes=("make the suites pass first",),
    )
