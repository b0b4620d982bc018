"""A process that has collected the suites once, and runs tests on one mutant after the other.

A plugin: `pytest -p pgassay.mutation.worker`, with two file descriptors in the environment variable PIPES.
It speaks JSON, one document a line: a request in, any number of answers out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import IO, Any

import psycopg
import pytest

from pgassay.errors import CannotJudgeError, PgassayError
from pgassay.matrix.assessment import assess, load_baseline
from pgassay.matrix.model import Cell
from pgassay.mutation.bench import MutantBench, Scratch
from pgassay.mutation.footprint import note_cells, words_of
from pgassay.mutation.model import name_matrix_tests
from pgassay.mutation.pool import PIPES
from pgassay.mutation.recorder import Recorder, recording
from pgassay.mutation.things import scan
from pgassay.pgtap.items import PgtapItem
from pgassay.pgtap.verdict import FileVerdict
from pgassay.plugin import ENGINE
from pgassay.pytest_private import run_item, shared_fixtures, tear_down

_SHOWN = 200  # characters of a reason


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of one test: "passed", "failed", "skipped", "timeout" or "error"; why.

    `seconds` are those of the whole; `setup`, of the fixtures among them.
    """

    outcome: str
    reason: str = ""
    seconds: float = 0.0
    setup: float = 0.0


def pytest_configure(config: pytest.Config) -> None:
    requests, answers = map(int, os.environ[PIPES].split(","))
    source, sink = os.fdopen(requests, encoding="utf-8"), os.fdopen(answers, "w", encoding="utf-8")
    config.pluginmanager.register(Worker(source, sink), "pgassay-mutation-worker")
    config.add_cleanup(source.close)
    config.add_cleanup(sink.close)


class Worker:
    """A pytest plugin that takes the place of pytest's own loop over the tests."""

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers
        self._sending: list[str] = []  # fixtures of a wider scope, since the last test began

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._answer(error=f"Cannot collect {report.nodeid}:\n{report.longreprtext}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        _stop_shrinking()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._engine = engine = session.config.stash[ENGINE]
        self._bench = MutantBench(engine.config, engine.server)
        engine.workbench = self._bench
        self._cells: tuple[Cell, ...] = ()  # of the matrix that was last surveyed
        accepted = load_baseline(engine.config) or {}
        self._objects = sorted({line.object for line in accepted.values()})
        self._recorder = Recorder(maintenance=engine.server.maintenance)
        self._session = session
        roles = {persona.role for persona in self._bench.personas.values()}
        with self._bench.database() as database, closing(database.connect(autocommit=True)) as connection:
            self._scratch = Scratch(connection, roles=sorted(roles))
            names = [item.nodeid for item in session.items]
            self._answer(ready=[*names, *name_matrix_tests(self._objects)])
            for line in self._requests:
                request = json.loads(line)
                do = self._record if request.pop("do") == "record" else self._test
                do(**request)
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

    def _answer(self, **document: Any) -> None:  # noqa: ANN401 - JSON
        self._answers.write(json.dumps(document) + "\n")
        self._answers.flush()

    def _record(self, tests: list[int]) -> None:
        """Run tests on the schema itself, and tell of each what it has to do with it."""
        self._bench.on_open, self._bench.on_close = self._recorder.open, self._recorder.close
        with recording(self._recorder):
            for test, following in _with_next(tests):
                self._recorder.begin()
                self._sending.clear()
                run = self._run(test, following)
                notes = self._recorder.finish().to_json() | self._outside(test)
                self._answer(
                    test=test,
                    **vars(run),
                    shared=self._shared_fixtures(test),
                    sending=self._sending,
                    footprint=notes,
                )
        self._bench.on_open = self._bench.on_close = None
        self._answer(done=True)

    def _shared_fixtures(self, test: int) -> list[str]:
        """The fixtures of a test that others have in common with it, and one of them pays for."""
        items = self._session.items
        return shared_fixtures(items[test]) if test < len(items) else []

    def _outside(self, test: int) -> dict[str, Any]:
        """What the recorder cannot know: the statements of psql, and those of the matrix, sent in bulk."""
        if test >= len(self._session.items):
            return note_cells(self._cells)
        item = self._session.items[test]
        if not isinstance(item, PgtapItem):
            return {}
        words = sorted(words_of(tuple(scan(item.path.read_text(encoding="utf-8")))))
        return {"structural": True, "sees": True, "words": {"psql writes": words}, "described": words}

    def _test(self, statements: list[str], tests: list[int]) -> None:
        """Run tests on a mutant until one fails."""
        if reason := self._scratch.refusal(statements):
            self._answer(status="invalid", reason=reason)
            return
        self._bench.statements = tuple(statements)
        error = ""
        try:
            for count, (test, following) in enumerate(_with_next(tests), start=1):
                self._answer(running=test)
                run = self._run(test, following)
                if run.outcome == "failed" and (loss := self._engine.find_loss()):
                    self._answer(error=str(loss))
                if run.outcome in ("failed", "timeout"):
                    status = "killed" if run.outcome == "failed" else "timeout"
                    self._answer(status=status, by=test, reason=run.reason, ran=count)
                    return
                error = error or (run.reason if run.outcome == "error" else "")
            self._answer(**self._spared(statements, error), ran=len(tests))
        finally:
            self._tear_down()
            self._bench.statements = ()

    def _spared(self, statements: list[str], error: str) -> dict[str, str]:
        if error:
            return {"status": "unjudged", "reason": error}
        if self._scratch.changes_nothing(statements):
            return {"status": "equivalent", "reason": "the catalog is the same with it"}
        return {"status": "survived"}

    def _run(self, test: int, following: int | None) -> Run:
        items = self._session.items
        started = time.perf_counter()
        if test >= len(items):
            run = self._run_matrix(self._objects[test - len(items)])
        else:
            beyond = following is None or following >= len(items)
            run = _run_item(items[test], None if beyond else items[following or 0])
        return replace(run, seconds=time.perf_counter() - started)

    def _run_matrix(self, name: str) -> Run:
        try:
            assessment = assess(self._bench, only={name})
        except PgassayError as error:
            return Run(outcome="error", reason=str(error))
        self._cells = assessment.matrix.cells
        if assessment.differences:
            return Run(outcome="failed", reason=str(assessment.differences[0]))
        wrong = assessment.matrix.errors
        return (
            Run(outcome="error", reason=f"a probe went wrong: {wrong[0].key}")
            if wrong
            else Run(outcome="passed")
        )

    def _tear_down(self) -> None:
        """End the fixtures of every scope: the next mutant must find none that saw this one."""
        with suppress(Exception):
            tear_down(self._session)
        self._bench.drop_templates()


def _with_next(tests: Sequence[int]) -> Iterator[tuple[int, int | None]]:
    return zip_longest(tests, tests[1:])


def _run_item(item: pytest.Item, following: pytest.Item | None) -> Run:
    if isinstance(item, PgtapItem):
        item.verdict = None
    reports = run_item(item, following=following)
    setup = sum(report.duration for report in reports if report.when == "setup")
    for report in reports:
        if report.failed:
            return Run(outcome=report.__dict__.get("not_failed", "failed"), reason=_crash(report))
    if isinstance(item, PgtapItem) and item.verdict and not item.verdict.passed:
        return Run(outcome="failed", reason=_first_failure(item.verdict))
    skipped = any(report.skipped and not hasattr(report, "wasxfail") for report in reports)
    return Run(outcome="skipped" if skipped else "passed", setup=setup)


def _crash(report: pytest.TestReport) -> str:
    """The first line of what was raised."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    return next(iter(text.splitlines()), "")[:_SHOWN]


def _first_failure(verdict: FileVerdict) -> str:
    failed = (f"{one.number} {one.description}" for one in verdict.assertions if not one.passed)
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
