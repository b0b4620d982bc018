"""pgTAP files as pytest tests: one item per file, one report per assertion. A pytest plugin in itself.

The reports bear node ids of their own, `tests/pgtap/users.sql::7 users has a primary key`, so that the
counts of pytest, `-v`, `--junitxml`, `--maxfail` and pytest-xdist see assertions. The item's own node id,
`…::pgtap`, reports only what concerns the file as a whole.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest

from pgassay.errors import PgassayError
from pgassay.pgtap.run import PgtapDatabase, run_file
from pgassay.pgtap.verdict import Assertion, FileVerdict
from pgassay.pytest_private import run_item


class PgtapTarget(Protocol):
    """Lends a database with pgTAP in it to each file."""

    def open(self, file: Path) -> AbstractContextManager[PgtapDatabase]: ...


PGTAP_TARGET = pytest.StashKey[PgtapTarget]()
"""Where `config.stash` holds the target; whoever registers this plugin puts it there."""


class PgtapFile(pytest.File):
    """A .sql file with pgTAP tests."""

    def collect(self) -> Iterator[PgtapItem]:
        yield PgtapItem.from_parent(self, name="pgtap")


class PgtapItem(pytest.Item):
    """One run of one file; `verdict` is there after a run that could judge."""

    verdict: FileVerdict | None = None

    def runtest(self) -> None:
        with self.config.stash[PGTAP_TARGET].open(self.path) as database:
            self.verdict = run_file(self.path, database)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, None, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401
        if isinstance(excinfo.value, PgassayError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a pgTAP file and report what it proved, one report after the other until pytest wants no more."""
    if not isinstance(item, PgtapItem):
        return None
    item.verdict = None
    for report in _reports(item, run_item(item, following=nextitem)):
        node = {"nodeid": report.__dict__.get("assertion_nodeid", report.nodeid), "location": report.location}
        item.ihook.pytest_runtest_logstart(**node)
        item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(**node)
        if item.session.shouldfail or item.session.shouldstop:
            break
    return True


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Give a report its own node id on the way from an xdist worker to the controller."""
    data = yield
    if data and "assertion_nodeid" in data:
        data["nodeid"] = data.pop("assertion_nodeid")
    return data


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the progress count assertions, which are known only when they ran."""
    session.config.pluginmanager.register(_Progress(session), "pgassay-pgtap-progress")


class _Progress:
    def __init__(self, session: pytest.Session) -> None:
        self._session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.__dict__.get("beyond_collected"):
            self._session.testscollected += 1


def _reports(item: PgtapItem, phases: list[pytest.TestReport]) -> Iterator[pytest.TestReport]:
    """The reports of a run: its assertions, the file where something is amiss, phases that failed."""
    call = next((phase for phase in phases if phase.when == "call"), None)
    if item.verdict and call:
        yield from _verdict_reports(item, item.verdict, call)
    yield from (phase for phase in phases if not phase.passed)


def _verdict_reports(
    item: PgtapItem, verdict: FileVerdict, call: pytest.TestReport
) -> Iterator[pytest.TestReport]:
    # psql does not time single assertions: the first report carries the time of the whole file.
    duration = call.duration
    for position, assertion in enumerate(verdict.assertions, start=1):
        yield _assertion_report(item, assertion, position=position, duration=duration)
        duration = 0.0
    if verdict.problems:
        yield _file_report(item, verdict, outcome="failed", duration=duration)
    elif verdict.skipped:
        yield _file_report(item, verdict, outcome="skipped", duration=duration)


def _assertion_report(
    item: PgtapItem, assertion: Assertion, *, position: int, duration: float
) -> pytest.TestReport:
    name = _node_name(assertion, position)
    nodeid = f"{item.nodeid.removesuffix(item.name)}{name}"
    # A worker of xdist insists that a report bears the id of its item.
    on_worker = hasattr(item.config, "workerinput")
    extra: dict[str, Any] = {"assertion_nodeid": nodeid} if on_worker else {}
    if assertion.directive == "todo":
        extra["wasxfail"] = assertion.reason
    outcome, longrepr = _outcome(item, assertion)
    return pytest.TestReport(
        nodeid=item.nodeid if on_worker else nodeid,
        location=(item.location[0], None, name),
        keywords={"pgtap": 1},
        outcome=outcome,
        longrepr=longrepr,
        when="call",
        duration=duration,
        beyond_collected=position > 1,
        **extra,
    )


def _file_report(
    item: PgtapItem, verdict: FileVerdict, *, outcome: Literal["failed", "skipped"], duration: float
) -> pytest.TestReport:
    reason = f"Skipped: {verdict.plan.reason if verdict.plan and verdict.plan.reason else 'no reason given'}"
    told = [*verdict.problems, *([verdict.stderr.rstrip()] if verdict.stderr else [])]
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={"pgtap": 1},
        outcome=outcome,
        longrepr="\n".join(told) if outcome == "failed" else (str(item.path), 0, reason),
        when="call",
        duration=duration,
        beyond_collected=bool(verdict.assertions),
    )


def _outcome(
    item: PgtapItem, assertion: Assertion
) -> tuple[Literal["passed", "failed", "skipped"], str | tuple[str, int, str] | None]:
    if not assertion.passed:
        line = f"not ok {assertion.number} - {assertion.description}"
        return "failed", "\n".join([line, *assertion.diagnostics])
    if assertion.directive == "skip" or not assertion.ok:
        return "skipped", (str(item.path), 0, f"Skipped: {assertion.reason}")
    return "passed", None


def _node_name(assertion: Assertion, position: int) -> str:
    """Unique in its file, one line, and without `::`, at which pytest takes node ids apart."""
    number = str(position)
    if assertion.number != position:
        number += f" (numbered {assertion.number})"
    name = f"{number} {assertion.description}".replace("::", ": :")
    return "".join(character if character.isprintable() else " " for character in name).rstrip()
