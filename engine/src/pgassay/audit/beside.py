"""Rules side by side: while the server answers one of them, another thinks, on a session of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import psycopg

from pgassay.audit.arguments import argument_lists
from pgassay.audit.calls import callable_by
from pgassay.audit.model import Finding
from pgassay.audit.rules import Rule, chains, races
from pgassay.audit.scene import PATIENCE, STATEMENTS, Scene, open_loaded
from pgassay.audit.work import OutOfPatienceError, OutOfWorkError
from pgassay.database import Session
from pgassay.errors import ServerError

_WORKERS = 3
_SESSIONS = 5
"""How many sessions each worker may lose to statements that end them."""
_LONG = (races.find, chains.find)
"""Rules that take the longest: whoever begins them last, all others wait for."""


def ask(scene: Scene, rules: Sequence[Rule]) -> tuple[list[Finding], list[str]]:
    """What the rules find, and what they did not try: in the order of the rules, whoever asked first."""
    jobs = [_Job(rule=rule) for rule in rules]
    queue = _JobQueue(scene, jobs)
    _ = scene.inventory, scene.literals, scene.dependents("")  # once, for all workers
    if len(jobs) > 1:
        _make_arguments(scene)
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        others = [pool.submit(queue.work) for _ in jobs[1:_WORKERS]]
        queue.work()
        for other in others:
            other.result()
    except BaseException:
        queue.close()
        pool.shutdown(wait=False, cancel_futures=True)  # whoever is interrupted waits for nobody
        raise
    pool.shutdown()
    untried = [text for job in jobs for text in job.untried]
    if cut := ", ".join(job.name for job in jobs if not job.ended):
        untried.append(f"what is left of the rules {cut}: slow statements took {PATIENCE:g} s")
    return [one for job in jobs for one in job.found], untried


@dataclass(kw_only=True)
class _Job:
    """A rule, with what it has come to and what it did not try."""

    rule: Rule
    found: list[Finding] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)
    ended: bool = False
    attempts: int = 0

    @property
    def name(self) -> str:
        return self.rule.__module__.rpartition(".")[2]


class _JobQueue:
    """Jobs that several workers carry out, each on a session of its own."""

    def __init__(self, scene: Scene, jobs: Sequence[_Job]) -> None:
        self._scene = scene
        self._rest = sorted(jobs, key=lambda job: job.rule not in _LONG)
        self._sessions: list[Session] = []
        self._lock = Lock()

    def _take(self) -> _Job | None:
        with self._lock:
            return self._rest.pop(0) if self._rest else None

    def close(self) -> None:
        """No more is taken, and whoever waits for the server is told that it has gone."""
        with self._lock:
            self._rest.clear()
            for session in self._sessions:
                if not session.connection.closed:
                    with socket.socket(fileno=os.dup(session.connection.fileno())) as other_end:
                        other_end.shutdown(socket.SHUT_RDWR)

    def work(self) -> None:
        """Carry out what is left, together with others.

        Where a statement ends the session, another goes on, without that function.
        """
        job = self._take()
        for _ in range(_SESSIONS):
            if job is None:
                return
            with open_loaded(self._scene.bench, self._scene.world) as session:
                self._sessions.append(session)
                job = self._go_on(session, job)
                self._sessions.remove(session)
        while job:
            job.untried.append(f"the rule {job.name}: too many sessions were ended")
            job.ended = True
            job = self._take()

    def _go_on(self, session: Session, job: _Job | None) -> _Job | None:
        """The job that wants another session; None where all are done."""
        while job:
            known = len(self._scene.unending)
            job.attempts += 1
            try:
                failed = _carry_out(self._scene.beside(session, job.untried), job)
            except OutOfPatienceError:
                with self._lock:
                    self._rest.clear()
                return None
            is_lost = session.connection.closed
            # Another worker may have noted first what ended this session.
            if is_lost and (len(self._scene.unending) > known or job.attempts == 1):
                return job
            job.untried += [failed] if failed else []
            job.ended = True
            job = self._take()
            if is_lost:
                return job
        return None


def _carry_out(scene: Scene, job: _Job) -> str:
    """Add what a rule finds; a remark, where a statement of its own fails or it has asked enough."""
    scene.work.left = STATEMENTS * scene.bench.config.effort
    try:
        with scene.session.undone():
            for finding in job.rule(scene):
                job.found.append(finding)  # what was found before an error stays
    except OutOfWorkError:
        return f"the rule {job.name} beyond its first {STATEMENTS} statements: see --effort"
    except (psycopg.Error, ServerError) as error:
        return f"the rule {job.name} to its end: {str(error).strip()}"
    return ""


def _make_arguments(scene: Scene) -> None:
    """Before anybody asks: they shall not depend on what rows the first who wants them has made."""
    with open_loaded(scene.bench, scene.world) as session:
        own = scene.beside(session, [])
        try:
            for persona in scene.people:
                for function in callable_by(own, persona):
                    argument_lists(own, function)
        except (psycopg.Error, ServerError, OutOfWorkError, OutOfPatienceError):
            return  # whoever wants them meets it again, and says so
