"""The project's suites, run by pytest in a process of their own on the server that is already there."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pgassay.config import Config
from pgassay.errors import Place
from pgassay.server import RUNNING_SERVER, Server
from pgassay.server.failures import tail
from pgassay.verdict import Case, Counts, Finding, Stage, Status

_JUDGED = (0, 1)  # pytest.ExitCode.OK and TESTS_FAILED; importing pytest here would cost every command 0.2 s
_STOP_SECONDS = 30  # pytest-xdist gives its workers 10


def run_suites(
    config: Config, server: Server, *, jobs: int, tests: Sequence[str] = (), options: Sequence[str] = ()
) -> Stage:
    """Run pytest in `jobs` processes over `tests` (paths, node ids), else over the configured suites.

    `options` are pytest's. No test that ran means: not judged.
    """
    tests = tests or tuple(dict.fromkeys(map(str, (*config.suites, *config.pgtap))))
    if not tests:
        return Stage(name="suites", status=Status.NOT_JUDGED, detail="no suites configured: no test to run")
    # Nameless, so that nothing is left of it however this process ends.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as report:
        done = _run_pytest(config, server, (*options, *tests), report.fileno(), jobs=jobs)
        report.seek(0)
        document = json.loads(report.read() or "{}")
    counts = {suite: Counts(**found) for suite, found in document.get("counts", {}).items()}
    cases = tuple(_case(config.root, case) for case in document.get("cases", []))
    if reason := document.get("cannot_judge"):  # it stands alone: failures for want of a server mean nothing
        others = tuple(case for case in cases if case.outcome != "failed")
        return Stage(name="suites", status=Status.NOT_JUDGED, detail=reason, cases=others, counts=counts)
    failed = tuple(_finding(case) for case in cases if case.outcome == "failed")
    status, detail = _judge(done, counts)
    return Stage(name="suites", status=status, detail=detail, findings=failed, cases=cases, counts=counts)


def _run_pytest(
    config: Config, server: Server, arguments: Sequence[str], report: int, *, jobs: int
) -> subprocess.CompletedProcess[str]:
    # In one word with its option: a path of its own would count when pytest looks for the project's root.
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", f"--pgassay-report=/dev/fd/{report}"]
    command += [f"--pgassay-schema={schema}" for schema in config.schema]
    if jobs > 1 and importlib.util.find_spec("xdist"):
        command += ["-n", str(jobs), "--dist", "worksteal"]
    command += arguments
    environment = {**os.environ, RUNNING_SERVER: json.dumps(server.to_json())}
    with subprocess.Popen(
        command,
        cwd=config.root,
        env=environment,
        pass_fds=(report,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate()
        except BaseException:
            _stop(process)
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _stop(process: subprocess.Popen[str]) -> None:
    """Let pytest and its workers drop their databases, then end whatever is left of them."""
    try:
        for _ in range(_STOP_SECONDS):
            # Again and again: Python sleeps on when a signal comes just before the system call that blocks.
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=1)
                break
    except ProcessLookupError:
        pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _judge(done: subprocess.CompletedProcess[str], counts: dict[str, Counts]) -> tuple[Status, str]:
    if done.returncode not in _JUDGED:
        return (
            Status.NOT_JUDGED,
            f"pytest stopped (exit {done.returncode}):\n{tail(done.stderr.strip() or done.stdout)}",
        )
    detail = ", ".join(_summary(suite, found) for suite, found in counts.items() if found.total)
    return Status.PROBLEM if done.returncode else Status.GOOD, detail


def _summary(suite: str, counts: Counts) -> str:
    parts = [f"{counts.passed} passed"]
    parts += [f"{counts.failed} failed"] if counts.failed else []
    parts += [f"{counts.skipped} skipped"] if counts.skipped else []
    return f"{suite} {' '.join(parts)}"


def _case(root: Path, values: dict[str, Any]) -> Case:
    place = Place(file=root / values.pop("file"), line=values.pop("line"))
    return Case(**values, place=place)


def _finding(case: Case) -> Finding:
    return Finding(rule="suite", message=case.name, place=case.place, witness=case.reason)
