"""Several requests at the same time, and waiting until one of them waits for another."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import psycopg

from pgassay.database import Client, Database, Session
from pgassay.observation import Attempt, Persona
from tests.shared.accounts import find_disagreements

_DEADLINE = 60.0  # seconds
_GLANCE = 0.1  # seconds between two looks at a statement that has not ended

Params: TypeAlias = Sequence[Any] | Mapping[str, Any] | None

_OPEN = "set lock_timeout = 0; set default_transaction_isolation = '{}'"


@dataclass(frozen=True, kw_only=True)
class Party:
    """One request over its own login, open until `commit`."""

    client: Client
    _request: ExitStack
    _threads: ThreadPoolExecutor
    _observer: psycopg.Connection[Any]
    _started: list[Future[Attempt]] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.client.connection.info.backend_pid

    def attempt(self, query: str, params: Params = None) -> Attempt:
        """Try a statement that should not wait: it is cancelled (57014) when it waits for another party."""
        tried = self.start(query, params)
        while not wait([tried], timeout=_GLANCE).done:
            if self.find_blockers():
                self.client.connection.cancel_safe()
        return tried.result()

    def start(self, query: str, params: Params = None) -> Future[Attempt]:
        """Try a statement that may wait, without waiting for it."""
        self._started.append(self._threads.submit(self.client.attempt, query, params))
        return self._started[-1]

    def has_answered(self) -> bool:
        """Whether every statement that was started has ended."""
        return all(statement.done() for statement in self._started)

    def find_blockers(self) -> set[int]:
        """The processes that it waits for now."""
        row = self._observer.execute("select pg_blocking_pids(%s)", [self.pid]).fetchone()
        return set(row[0]) if row else set()

    def commit(self) -> None:
        self._request.close()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The parties at one database, and who waits for whom."""

    database: Database
    _observer: psycopg.Connection[Any]
    _threads: ThreadPoolExecutor
    _resources: ExitStack

    def join(
        self, persona: Persona, *, login: str = "authenticator", isolation: str = "read committed"
    ) -> Party:
        """Log in, and begin a request of a persona."""
        connection = self.database.connect(user=login, autocommit=True)
        self._resources.enter_context(closing(connection))
        self._resources.callback(connection.cancel_safe)
        connection.execute(_OPEN.format(isolation).encode())
        client, request = Client(connection), ExitStack()
        request.enter_context(client.request(persona))
        return Party(client=client, _request=request, _threads=self._threads, _observer=self._observer)

    def blockers(self, party: Party) -> set[int]:
        """The processes that a party waits for, once it waits; raises TimeoutError if it does not."""
        end = time.monotonic() + _DEADLINE
        while time.monotonic() < end and not party.has_answered():
            if found := party.find_blockers():
                return found
        raise TimeoutError("the statement waits for nobody")

    def value(self, query: str, params: Sequence[Any] | None = None) -> Any:
        """What is committed, as the owner sees it: first column of the first row."""
        row = self._observer.execute(query.encode(), params).fetchone()
        return row and row[0]


@contextmanager
def open_scene(database: Database) -> Iterator[Scene]:
    """A scene in whose end every balance must agree with its ledger, as far as it was committed.

    Statements that still wait then are cancelled, what is not committed is rolled back.
    """
    with (
        ThreadPoolExecutor() as threads,
        closing(database.connect(autocommit=True)) as observer,
        ExitStack() as resources,
    ):
        yield Scene(database=database, _observer=observer, _threads=threads, _resources=resources)
        assert find_disagreements(Session(observer, owner=database.owner)) == []
