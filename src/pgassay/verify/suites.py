"""The project's suites, run by pytest in a process of their own on the server that is already there."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from pgassay.config import Config
from pgassay.plugin import RUNNING_SERVER
from pgassay.server import Server
from pgassay.verdict import Case, Counts, Finding, Stage, Status

_JUDGED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def run_suites(config: Config, server: Server, *, jobs: int) -> Stage:
    """Run pytest over the configured suites in `jobs` processes. No test that ran means: not judged."""
    paths = dict.fromkeys((*config.suites, *config.pgtap))
    if not paths:
        return Stage(name="suites", status=Status.NOT_JUDGED, detail="no suites configured: no test to run")
    with tempfile.TemporaryDirectory(prefix="pgassay-suites-") as folder:
        report = Path(folder) / "report.json"
        done = _run_pytest(config, server, tuple(paths), report, jobs=jobs)
        document = json.loads(report.read_text(encoding="utf-8")) if report.is_file() else {}
    counts = {suite: Counts(**found) for suite, found in document.get("counts", {}).items()}
    cases = tuple(_case(config.root, case) for case in document.get("cases", []))
    failed = tuple(_finding(case) for case in cases if case.outcome == "failed")
    status, detail = _judge(done, counts)
    return Stage(name="suites", status=status, detail=detail, findings=failed, cases=cases, counts=counts)


def _run_pytest(
    config: Config, server: Server, paths: tuple[Path, ...], report: Path, *, jobs: int
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--pgassay-report", str(report)]
    for schema in config.schema:
        command += ["--pgassay-schema", str(schema)]
    if jobs > 1 and importlib.util.find_spec("xdist"):
        command += ["-n", str(jobs), "--dist", "worksteal"]
    environment = {**os.environ, RUNNING_SERVER: json.dumps(server.to_json())}
    return subprocess.run(
        [*command, *map(str, paths)],
        cwd=config.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _judge(done: subprocess.CompletedProcess[str], counts: dict[str, Counts]) -> tuple[Status, str]:
    if done.returncode not in (*_JUDGED, pytest.ExitCode.NO_TESTS_COLLECTED):
        return Status.NOT_JUDGED, f"pytest stopped (exit {done.returncode}): {_tail(done)}"
    if not any(found.passed + found.failed for found in counts.values()):
        return Status.NOT_JUDGED, f"no test ran: {_tail(done)}"
    detail = ", ".join(_summary(suite, found) for suite, found in counts.items() if found.total)
    return Status.PROBLEM if done.returncode else Status.GOOD, detail


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip() or done.stdout.strip())[-2000:]


def _summary(suite: str, counts: Counts) -> str:
    parts = [f"{counts.passed} passed"]
    parts += [f"{counts.failed} failed"] if counts.failed else []
    parts += [f"{counts.skipped} skipped"] if counts.skipped else []
    return f"{suite} {' '.join(parts)}"


def _case(root: Path, values: dict[str, Any]) -> Case:
    return Case(**values | {"file": root / values["file"]})


def _finding(case: Case) -> Finding:
    return Finding(rule="suite", message=case.name, file=case.file, line=case.line, witness=case.reason)
