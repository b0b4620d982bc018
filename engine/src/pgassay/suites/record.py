"""Write what became of a pytest run as JSON, for the process that started it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pgassay.suites.judgement import Judgement


class SuiteReport:
    """Counts tests and pgTAP assertions apart, and keeps each with its place, time and reason."""

    def __init__(self, path: Path, judgement: Judgement) -> None:
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
