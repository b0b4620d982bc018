"""Processes that run tests on mutants: how one is started, asked and ended; several at once."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

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


T = TypeVar("T")

TEST_SECONDS = 60.0
"""A test that is silent for so long hangs. The slowest ones that the engine knows of take two."""
_CHUNK = 60


@dataclass(frozen=True, kw_only=True)
class Noted:
    """One test of the baseline: its outcome, and its footprint as the recorder wrote it.

    `shared` are its fixtures of a wider scope, `sending` those that sent something while it was set up;
    `setup` are the seconds that went into fixtures.
    """

    test: int
    outcome: str
    reason: str
    seconds: float
    setup: float
    shared: list[str]
    footprint: dict[str, Any]
    sending: list[str] = field(default_factory=list)

    @property
    def is_green(self) -> bool:
        return self.outcome in ("passed", "skipped")


class Pool:
    """Workers that have collected the same tests. `tests` are their node ids, in order."""

    def __init__(self, workers: Sequence[WorkerClient]) -> None:
        self._workers = workers
        self.tests = workers[0].tests
        if any(worker.tests != self.tests for worker in workers):
            raise CannotJudgeError(
                "The suites do not collect the same tests each time.",
                fixes=("give parametrised tests an order and ids that do not change from run to run",),
            )

    def record(self, tests: Sequence[int], *, on_test: Callable[[Noted], None]) -> None:
        """Run `tests` on the schema itself. Neighbours stay together, since they share fixtures."""
        chunks = [list(tests[start : start + _CHUNK]) for start in range(0, len(tests), _CHUNK)]

        def run(worker: WorkerClient, chunk: list[int]) -> None:
            for answer in worker.record(chunk, seconds=TEST_SECONDS):
                on_test(Noted(**answer))

        self.each(chunks, run)

    def each(self, tasks: Iterable[T], run: Callable[[WorkerClient, T], None]) -> None:
        """Give every task to a worker that is free. The first error ends all, and is raised."""
        queue: SimpleQueue[T] = SimpleQueue()
        for task in tasks:
            queue.put(task)
        errors: list[BaseException] = []
        ended = threading.Event()

        def serve(worker: WorkerClient) -> None:
            try:
                while not ended.is_set():
                    run(worker, queue.get_nowait())
            except Empty:
                return
            except BaseException as error:  # noqa: BLE001  raised again where all threads have ended
                errors.append(error)
                ended.set()

        threads = [threading.Thread(target=serve, args=(worker,)) for worker in self._workers]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C: nobody waits for the mutants that are being tried
            ended.set()
            for worker in self._workers:
                worker.interrupt()
            for thread in threads:
                thread.join()
            raise
        if errors:
            raise errors[0]


@contextmanager
def open_pool(config: Config, server: Server, *, jobs: int) -> Iterator[Pool]:
    """Start `jobs` workers, which collect the suites at the same time. Raises CannotJudgeError."""
    workers: list[WorkerClient] = []
    try:
        for _ in range(jobs):
            workers.append(WorkerClient(config, server))
        for worker in workers:
            worker.collect()
        yield Pool(workers)
    finally:
        for worker in workers:
            worker.close()
