"""A process that has collected the suites once, and runs tests on one mutant after the other.

A plugin: `pytest -p pgassay.mutation.worker`, with a file descriptor in the environment variable PIPE: a
request in, any number of answers out, each with its kind.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, zip_longest
from multiprocessing.connection import Connection
from typing import Any

import psycopg
import pytest

from pgassay.errors import CannotJudgeError, PgassayError
from pgassay.matrix.assessment import assess, load_baseline
from pgassay.matrix.model import Cell
from pgassay.mutation.footprint import Footprint, words_of, words_of_cells
from pgassay.mutation.lines import LineCounters
from pgassay.mutation.model import MutantResult, MutantStatus, Noted, name_matrix_tests, object_of
from pgassay.mutation.pool import PIPE
from pgassay.mutation.recorder import StatementRecorder, recording
from pgassay.mutation.things import scan
from pgassay.mutation.workbench import MutantWorkbench, Scratch
from pgassay.pgtap.items import PgtapItem
from pgassay.pgtap.verdict import FileVerdict
from pgassay.plugin import ENGINE
from pgassay.pytest_private import run_item, shared_fixtures, tear_down
from pgassay.world import fill
from pgassay.world.model import World

_SHOWN = 200  # characters of a reason


@dataclass(frozen=True, kw_only=True)
class TestRun:
    """What became of one test: "passed", "failed", "skipped", "timeout" or "error"; why.

    `seconds` are those of the whole; `setup`, of the fixtures among them.
    """

    outcome: str
    reason: str = ""
    seconds: float = 0.0
    setup: float = 0.0


def pytest_configure(config: pytest.Config) -> None:
    pipe = Connection(int(os.environ[PIPE]))
    config.pluginmanager.register(Worker(pipe), "pgassay-mutation-worker")
    config.add_cleanup(pipe.close)


class Worker:
    """A pytest plugin that takes the place of pytest's own loop over the tests."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._sending: list[str] = []  # fixtures of a wider scope, since the last test began

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._pipe.send(("error", f"Cannot collect {report.nodeid}:\n{report.longreprtext}"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        _stop_shrinking()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._engine = engine = session.config.stash[ENGINE]
        self._bench = MutantWorkbench(engine.config, engine.server)
        engine.workbench = self._bench
        self._cells: tuple[Cell, ...] = ()  # of the matrix that was last surveyed
        accepted = load_baseline(engine.config) or {}
        self._items = {item.nodeid: item for item in session.items}
        self._objects = name_matrix_tests({line.object for line in accepted.values()})
        # Of the schema without a mutant: there is none yet.
        self._world = fill(self._bench) if accepted else World()
        self._recorder = StatementRecorder(maintenance=engine.server.maintenance)
        self._session = session
        roles = {persona.role for persona in self._bench.personas.values()}
        with (
            closing(self._bench),
            self._bench.database() as database,
            closing(database.connect(autocommit=True)) as connection,
        ):
            self._scratch = Scratch(connection, roles=sorted(roles))
            actions: dict[str, Callable[..., None]] = {
                "test": self._test,
                "record": self._record,
                "record lines": partial(self._record, lines=True),
            }
            self._pipe.send(("ready", [*self._items, *self._objects]))
            with suppress(EOFError):
                while True:
                    action, *arguments = self._pipe.recv()
                    actions[action](*arguments)
        return True

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Mark a failure that is no verdict of a test."""
        report = yield
        if call.excinfo and isinstance(call.excinfo.value, psycopg.errors.QueryCanceled):
            report.__dict__["not_failed"] = "timeout"
        elif call.excinfo and isinstance(call.excinfo.value, CannotJudgeError):
            report.__dict__["not_failed"] = "error"
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Note which of the project's fixtures of a wider scope send something: other tests rest on it."""
        before = self._recorder.sent
        try:
            return (yield)
        finally:
            is_ours = fixturedef.func.__module__ == "pgassay.plugin"  # they only open databases
            if fixturedef.scope != "function" and not is_ours and self._recorder.sent > before:
                self._sending.append(fixturedef.argname)

    def _record(self, tests: list[str], *, lines: bool = False) -> None:
        """Run tests on the schema itself; tell what each has to do with it, and which `lines` it runs."""
        counters = self._counters if lines else None
        self._recorder.lines = counters.lines if counters else {}
        self._bench.on_open, self._bench.on_close = self._recorder.open, self._recorder.close
        with recording(self._recorder):
            for test, following in _with_next(tests):
                self._bench.observer = counters
                run = self._run_noted(test, following)
                if counters and run.outcome not in ("passed", "skipped"):
                    # Perhaps it stumbles over the counters: by itself it may be green.
                    tear_down(self._session)
                    self._bench.observer = None
                    run = self._run_noted(test, None)
                noted = Noted(
                    test=test,
                    **vars(run),
                    # One of the tests that have these in common pays for them.
                    shared=tuple(shared_fixtures(self._items[test])) if test in self._items else (),
                    sending=tuple(self._sending),
                    footprint=self._complete(self._recorder.finish(), test),
                )
                self._pipe.send(("noted", noted))
        self._bench.on_open = self._bench.on_close = self._bench.observer = None
        self._pipe.send(("done", None))

    @cached_property
    def _counters(self) -> LineCounters:
        return LineCounters(self._bench)

    def _run_noted(self, test: str, following: str | None) -> TestRun:
        self._recorder.begin()
        self._sending.clear()
        return self._run(test, following)

    def _complete(self, footprint: Footprint, test: str) -> Footprint:
        """With what the recorder cannot know: statements of psql, and those of the matrix, sent in bulk."""
        item = self._items.get(test)
        if item is None:
            return replace(footprint, words=words_of_cells(self._cells), counts_calls=False, sees=True)
        if not isinstance(item, PgtapItem):
            return footprint
        words = words_of(tuple(scan(item.path.read_text(encoding="utf-8"))))
        return replace(footprint, words={"psql writes": words}, described=words, structural=True, sees=True)

    def _test(self, mutant: str, statements: tuple[str, ...], tests: list[str]) -> None:
        """Run tests on a mutant until one fails."""
        started = time.perf_counter()
        result = self._find_fate(mutant, statements, tests)
        self._pipe.send(("result", replace(result, seconds=time.perf_counter() - started)))

    def _find_fate(self, mutant: str, statements: tuple[str, ...], tests: list[str]) -> MutantResult:
        if reason := self._scratch.refusal(statements):
            return MutantResult(id=mutant, status=MutantStatus.INVALID, reason=reason)
        self._bench.statements = statements
        error = ""
        try:
            for count, (test, following) in enumerate(_with_next(tests), start=1):
                self._pipe.send(("running", test))
                run = self._run(test, following)
                if run.outcome == "failed" and (loss := self._engine.find_loss()):
                    self._pipe.send(("error", str(loss)))
                if run.outcome in ("failed", "timeout"):
                    status = MutantStatus.KILLED if run.outcome == "failed" else MutantStatus.TIMEOUT
                    return MutantResult(id=mutant, status=status, by=test, reason=run.reason, ran=count)
                error = error or (run.reason if run.outcome == "error" else "")
            status, reason = self._spared(statements, error)
            return MutantResult(id=mutant, status=status, reason=reason, ran=len(tests))
        finally:
            self._tear_down()
            self._bench.statements = ()

    def _spared(self, statements: tuple[str, ...], error: str) -> tuple[MutantStatus, str]:
        if error:
            return MutantStatus.UNJUDGED, error
        if self._scratch.changes_nothing(statements):
            return MutantStatus.EQUIVALENT, "the catalog is the same with it"
        return MutantStatus.SURVIVED, ""

    def _run(self, test: str, following: str | None) -> TestRun:
        started = time.perf_counter()
        item, then = self._items.get(test), self._items.get(following or "")
        if item:
            self._bench.undoes = _can_undo(item)
            # A session that undoes the mutant is none for the tests that need one that does not.
            run = _run_item(item, then if then and _can_undo(then) == self._bench.undoes else None)
        else:
            run = self._run_matrix(test)
        return replace(run, seconds=time.perf_counter() - started)

    def _run_matrix(self, test: str) -> TestRun:
        try:
            assessment = assess(self._bench, only={object_of(test)}, world=self._world)
        except PgassayError as error:
            return TestRun(outcome="error", reason=str(error))
        self._cells = assessment.matrix.cells
        if assessment.differences:
            return TestRun(outcome="failed", reason=str(assessment.differences[0]))
        wrong = assessment.matrix.errors
        return (
            TestRun(outcome="error", reason=f"a probe went wrong: {wrong[0].key}")
            if wrong
            else TestRun(outcome="passed")
        )

    def _tear_down(self) -> None:
        """End the fixtures of every scope: the next mutant must find none that saw this one."""
        with suppress(Exception):
            tear_down(self._session)
        self._engine.close_folders()
        self._bench.drop_templates()


def _with_next(tests: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    return zip_longest(tests, tests[1:])


def _can_undo(item: pytest.Item) -> bool:
    """Whether nobody but its session enters that database: others would not see a mutant that is undone."""
    return "shared_database" not in getattr(item, "fixturenames", ())


def _run_item(item: pytest.Item, following: pytest.Item | None) -> TestRun:
    if isinstance(item, PgtapItem):
        item.verdict = None
    reports = run_item(item, following=following)
    setup = sum(report.duration for report in reports if report.when == "setup")
    for report in reports:
        if report.failed:
            return TestRun(outcome=report.__dict__.get("not_failed", "failed"), reason=_crash(report))
    if isinstance(item, PgtapItem) and item.verdict and not item.verdict.passed:
        return TestRun(outcome="failed", reason=_first_failure(item.verdict))
    skipped = any(report.skipped and not hasattr(report, "wasxfail") for report in reports)
    return TestRun(outcome="skipped" if skipped else "passed", setup=setup)


def _crash(report: pytest.TestReport) -> str:
    """The first line of what was raised."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return next(iter(text.splitlines()), "")[:_SHOWN]


def _first_failure(verdict: FileVerdict) -> str:
    failed = (
        f"{assertion.number} {assertion.description}"
        for assertion in verdict.assertions
        if not assertion.passed
    )
    return next(chain(failed, verdict.problems))[:_SHOWN]


def _stop_shrinking() -> None:
    """A property that fails has killed the mutant: the smallest example of it does not matter.

    Modules that make settings of their own take the defaults as they are then: before they are collected.
    """
    if importlib.util.find_spec("hypothesis"):
        hypothesis = importlib.import_module("hypothesis")
        phases = set(hypothesis.settings().phases) & {hypothesis.Phase.explicit, hypothesis.Phase.generate}
        hypothesis.settings.register_profile("pgassay mutants", hypothesis.settings(), phases=tuple(phases))
        hypothesis.settings.load_profile("pgassay mutants")
