"""Several workers at once: the baseline first, then one mutant after the other on whoever is free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from pgassay.config import Config
from pgassay.errors import CannotJudgeError
from pgassay.mutation.client import WorkerClient
from pgassay.server import Server

T = TypeVar("T")

TEST_SECONDS = 60.0
"""A test that is silent for so long hangs. The slowest ones that the engine knows of take two."""
REFERENCE_SECONDS = 10 * TEST_SECONDS
"""Nothing makes the reference run hang, but it sets up fixtures that take long on a busy machine."""
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
            for answer in worker.record(chunk, seconds=REFERENCE_SECONDS):
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
