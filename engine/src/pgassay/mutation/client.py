"""Start a worker, ask it, and end it when it hangs."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pgassay.config import Config
from pgassay.errors import CannotJudgeError
from pgassay.server import RUNNING_SERVER, Server

PIPES = "PGASSAY_MUTATION_PIPES"
WORKER = "pgassay.mutation.worker"
_COLLECT_SECONDS = 120.0
_STOP_SECONDS = 10.0
_TAIL_LINES = 20

Answer = dict[str, Any]


class HangingError(CannotJudgeError):
    """A test on a mutant did not end: the worker had to be ended."""


class WorkerClient:
    """One worker process. `tests` are the node ids of all that it collected, in order."""

    def __init__(self, config: Config, server: Server) -> None:
        self._config = config
        self._server = server
        self.tests: list[str] = []
        self._start()

    def collect(self) -> None:
        """Wait until the tests are collected."""
        self.tests = self._receive(_COLLECT_SECONDS)["ready"]

    def _start(self) -> None:
        self._folder = TemporaryDirectory(prefix="pgassay-")
        reading, to_worker = os.pipe()
        from_worker, writing = os.pipe()
        pipes = {RUNNING_SERVER: json.dumps(self._server.to_json()), PIPES: f"{reading},{writing}"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "pytest",
                    "-p",
                    WORKER,
                    *_arguments(self._config, nothing=self._folder.name),
                ],
                cwd=self._config.root,
                env=os.environ | pipes,
                pass_fds=(reading, writing),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.close(reading)
        os.close(writing)
        self._requests = os.fdopen(to_worker, "w", encoding="utf-8")
        self._answers = from_worker
        self._buffer = b""

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "log")

    def record(self, tests: list[int], *, seconds: float) -> Iterator[Answer]:
        """Run tests on the schema itself; what was noted of each."""
        self._send(do="record", tests=tests)
        while not (answer := self._receive(seconds)).get("done"):
            yield answer

    def test(self, statements: tuple[str, ...], tests: list[int], *, seconds: float) -> Answer:
        """Run tests on a mutant until one fails; one that takes longer than `seconds` hangs."""
        self._send(do="test", statements=statements, tests=tests)
        running = None
        while True:
            try:
                answer = self._receive(seconds)
            except HangingError:
                self._restart()
                ran = tests.index(running) + 1 if running is not None else 0
                return {"status": "timeout", "by": running, "ran": ran, "reason": "did not end"}
            if "running" not in answer:
                return answer
            running = answer["running"]

    def interrupt(self) -> None:
        """Stop whatever the worker does; it drops its databases and goes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        """Let the worker drop its databases and go."""
        with suppress(OSError):
            self._requests.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._end()
        os.close(self._answers)
        self._folder.cleanup()

    def _restart(self) -> None:
        self._end()
        self.close()
        self._start()
        self.collect()

    def _end(self) -> None:
        self.interrupt()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _send(self, **request: Any) -> None:  # noqa: ANN401 - JSON
        try:
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
        except BrokenPipeError:
            raise self._death() from None

    def _receive(self, seconds: float) -> Answer:
        while b"\n" not in self._buffer:
            if not select.select([self._answers], [], [], seconds)[0]:
                raise HangingError(f"A worker was silent for {seconds:g} seconds.")
            chunk = os.read(self._answers, 1 << 16)
            if not chunk:
                raise self._death()
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise CannotJudgeError("The suites cannot be run.", why=answer["error"])
        return answer

    def _death(self) -> CannotJudgeError:
        said = self._log.read_text(encoding="utf-8", errors="replace")
        tail = "\n".join(said.strip().splitlines()[-_TAIL_LINES:])
        return CannotJudgeError("A process that runs tests on mutants has ended.", why=tail)


def _arguments(config: Config, *, nothing: str) -> list[str]:
    """What pytest is asked to collect: the suites of `pgassay verify`, else the empty folder `nothing`."""
    arguments = ["-q", "--no-header", "--rootdir", str(config.root)]
    if importlib.util.find_spec("xdist"):
        arguments += ["-n", "0"]
    for schema in config.schema:
        arguments += ["--pgassay-schema", str(schema)]
    for path in config.blind:
        arguments += ["--ignore", str(path)]
    suites = map(str, dict.fromkeys((*config.suites, *config.pgtap)))
    return [*arguments, *(tuple(suites) or (nothing,))]
