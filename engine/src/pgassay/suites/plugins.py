"""pytest plugins of a project's run: could it judge the schema at all, and what became of each test?"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from pgassay.errors import CannotJudgeError, ExitCode, ServerError

_NO_TEST = "No test ran that passed or failed, so nothing is proven."
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class SuiteJudgement:
    """A pytest plugin: `reason` says what kept the run from judging, "" while nothing did.

    `find_loss` tells why the server no longer answers. `expects_tests` is true of a project of ours, where a
    run without a test that passed or failed must not look like a good one.
    """

    def __init__(self, *, find_loss: Callable[[], ServerError | None], expects_tests: bool) -> None:
        self.reason = ""
        self._find_loss = find_loss
        self._expects_tests = expects_tests
        self._ran = False
        self._judged = 0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Mark a failure that is not the schema's; the mark travels from the workers of pytest-xdist."""
        report = yield
        if call.excinfo and isinstance(call.excinfo.value, CannotJudgeError):
            report.__dict__["cannot_judge"] = str(call.excinfo.value)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.reason = self.reason or report.__dict__.get("cannot_judge", "")
        self._judged += report.failed or (report.passed and report.when == "call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Whether tests run at all: what only lists tests or fixtures has these options, or is not here."""
        self._ran = not (session.config.option.collectonly or session.config.option.setuponly)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput"):
            return
        if session.testsfailed and not self.reason and (loss := self._find_loss()):
            self.reason = str(loss)
        lacks_tests = self._expects_tests and self._ran and not self._judged
        if lacks_tests and session.exitstatus in _COMPLETE:
            self.reason = self.reason or _NO_TEST
        if self.reason:
            session.exitstatus = ExitCode.CANNOT_JUDGE

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401
        if self.reason:
            terminalreporter.section("pgassay: not judged")
            terminalreporter.line(self.reason)


class SuiteReport:
    """Counts tests and pgTAP assertions apart, and keeps each with its place, time and reason."""

    def __init__(self, path: Path, judgement: SuiteJudgement) -> None:
        self._path = path
        self._judgement = judgement
        self._counts = {"tests": Counter[str](), "pgtap": Counter[str]()}
        self._cases: list[dict[str, Any]] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._add("tests", report, place=(report.nodeid, None), seconds=0.0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            suite = "pgtap" if "pgtap" in report.keywords else "tests"
            file, line, _ = report.location
            self._add(suite, report, place=(file, line), seconds=report.duration)

    def pytest_sessionfinish(self) -> None:
        document = {
            "cannot_judge": self._judgement.reason,
            "counts": self._counts,
            "cases": self._cases,
        }
        self._path.write_text(json.dumps(document), encoding="utf-8")

    def _add(
        self,
        suite: str,
        report: pytest.CollectReport | pytest.TestReport,
        *,
        place: tuple[str, int | None],
        seconds: float,
    ) -> None:
        self._counts[suite][report.outcome] += 1
        file, line = place
        self._cases.append(
            {
                "name": report.nodeid,
                "outcome": report.outcome,
                "reason": "" if report.passed else _reason(report),
                "file": file,
                "line": 0 if line is None else line + 1,
                "seconds": seconds,
            }
        )


def _reason(report: pytest.CollectReport | pytest.TestReport) -> str:
    """The skip's reason alone; the whole report of a failure."""
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return report.longreprtext
