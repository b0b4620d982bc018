"""Processes that run tests on mutants: how one is started, asked and ended; several at once."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from pgassay.config import Config
from pgassay.errors import CannotJudgeError
from pgassay.mutation.model import Mutant, MutantResult, MutantStatus, Noted
from pgassay.server import RUNNING_SERVER, Server
from pgassay.server.failures import tail

T = TypeVar("T")

PIPE = "PGASSAY_MUTATION_PIPE"
WORKER = "pgassay.mutation.worker"
TEST_SECONDS = 30.0
"""A test that is silent for so long hangs. The slowest ones that the engine knows of take two."""
REFERENCE_SECONDS = 600.0
"""Nothing makes the reference run hang, but it sets up fixtures that take long on a busy machine."""
_COLLECT_SECONDS = 120.0
_STOP_SECONDS = 10.0
_CHUNK = 60


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
        _, self.tests = self._receive(_COLLECT_SECONDS)

    def _start(self) -> None:
        self._folder = TemporaryDirectory(prefix="pgassay-")
        self._pipe, theirs = Pipe()
        pipe = {RUNNING_SERVER: json.dumps(self._server.to_json()), PIPE: str(theirs.fileno())}
        arguments = _arguments(self._config, nothing=self._folder.name)
        with theirs, self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "-p", WORKER, *arguments],
                cwd=self._config.root,
                env=os.environ | pipe,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def _log(self) -> Path:
        return Path(self._folder.name, "log")

    def record(self, tests: list[str], *, lines: bool) -> Iterator[Noted]:
        """Run tests on the schema itself; what was noted of each, and where `lines`, which lines it ran."""
        self._send("record lines" if lines else "record", tests)
        while (answer := self._receive(REFERENCE_SECONDS))[0] != "done":
            yield answer[1]

    def test(self, mutant: Mutant, tests: list[str]) -> MutantResult:
        """Run tests on a mutant until one fails; one that takes longer than TEST_SECONDS hangs."""
        self._send("test", mutant.id, mutant.statements, tests)
        running = ""
        while True:
            try:
                kind, answer = self._receive(TEST_SECONDS)
            except HangingError:
                self._restart()
                ran = tests.index(running) + 1 if running else 0
                return MutantResult(
                    id=mutant.id, status=MutantStatus.TIMEOUT, by=running, ran=ran, reason="did not end",
                    seconds=TEST_SECONDS,
                )  # fmt: skip
            if kind == "result":
                result: MutantResult = answer
                return result
            running = answer

    def interrupt(self) -> None:
        """Stop whatever the worker does; it drops its databases and goes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> None:
        """Let the worker drop its databases and go."""
        self._pipe.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._end()
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

    def _send(self, *request: object) -> None:
        try:
            self._pipe.send(request)
        except ConnectionError:
            raise self._death() from None

    def _receive(self, seconds: float) -> tuple[str, Any]:
        """What kind of answer it is, and the answer."""
        try:
            if not self._pipe.poll(seconds):
                raise HangingError(f"A worker was silent for {seconds:g} seconds.")
            kind, answer = self._pipe.recv()
        except (EOFError, ConnectionError):
            raise self._death() from None
        if kind == "error":
            raise CannotJudgeError("The suites cannot be run.", why=answer)
        return kind, answer

    def _death(self) -> CannotJudgeError:
        said = self._log.read_text(encoding="utf-8", errors="replace")
        return CannotJudgeError("A process that runs tests on mutants has ended.", why=tail(said))


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

    def record(self, tests: Sequence[str], *, on_test: Callable[[Noted], None], lines: bool = False) -> None:
        """Run `tests` on the schema itself; `lines`: note those that they run.

        Neighbours stay together, since they share fixtures.
        """
        chunks = [list(tests[start : start + _CHUNK]) for start in range(0, len(tests), _CHUNK)]

        def run(worker: WorkerClient, chunk: list[str]) -> None:
            for noted in worker.record(chunk, lines=lines):
                on_test(noted)

        self.each(chunks, run)

    def each(self, tasks: Iterable[T], run: Callable[[WorkerClient, T], None]) -> None:
        """Give every task to a worker that is free. The first error ends all, and is raised."""
        free: SimpleQueue[WorkerClient] = SimpleQueue()
        for worker in self._workers:
            free.put(worker)

        def serve(task: T) -> None:
            worker = free.get()
            try:
                run(worker, task)
            finally:
                free.put(worker)

        with ThreadPoolExecutor(len(self._workers)) as threads:
            try:
                for future in as_completed([threads.submit(serve, task) for task in tasks]):
                    future.result()
            except BaseException as error:
                threads.shutdown(wait=False, cancel_futures=True)
                if not isinstance(error, Exception):  # Ctrl-C: nobody waits for mutants that are being tried
                    for worker in self._workers:
                        worker.interrupt()
                raise


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
