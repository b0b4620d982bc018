"""Write what became of a pytest run as JSON, for the process that started it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest


class SuiteReport:
    """Counts tests and pgTAP assertions apart, keeps the reason of each that failed or was skipped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._counts = {"tests": Counter[str](), "pgtap": Counter[str]()}
        self._cases: list[dict[str, Any]] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._count(report.nodeid, "failed", report.longreprtext, "tests", (report.nodeid, None))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.passed:
            return
        suite = "pgtap" if "pgtap" in report.keywords else "tests"
        place = (report.location[0], report.location[1])
        self._count(report.nodeid, report.outcome, report.longreprtext, suite, place)

    def pytest_sessionfinish(self) -> None:
        document = {"counts": self._counts, "cases": self._cases}
        self._path.write_text(json.dumps(document), encoding="utf-8")

    def _count(self, name: str, outcome: str, reason: str, suite: str, place: tuple[str, int | None]) -> None:
        self._counts[suite][outcome] += 1
        if outcome != "passed":
            file, line = place
            case = {"name": name, "outcome": outcome, "reason": reason, "file": file, "line": line}
            self._cases.append(case)
