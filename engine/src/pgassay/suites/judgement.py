"""Whether a pytest run could judge the schema at all: if not, it exits 2 and says why."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from pgassay.errors import CannotJudgeError, ExitCode, ServerError

_NO_TEST = "No test ran that passed or failed, so nothing is proven."
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class Judgement:
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
        if self._lacks_tests() and session.exitstatus in _COMPLETE:
            self.reason = self.reason or _NO_TEST
        if self.reason:
            session.exitstatus = ExitCode.CANNOT_JUDGE

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:  # noqa: ANN401
        if self.reason:
            terminalreporter.section("pgassay: not judged")
            terminalreporter.line(self.reason)

    def _lacks_tests(self) -> bool:
        return self._expects_tests and self._ran and not self._judged
