"""Apply a SQL file statement by statement, so that a failure names its statement."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PGconn, Ping, TransactionStatus

from pgassay.database.messages import Circumstances, explain
from pgassay.database.script import Script, Statement, parse_script, read_script
from pgassay.errors import Place, SchemaError, ServerError


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What the server remarked while it ran the statement at `place`."""

    place: Place
    severity: str
    message: str


Watcher = Callable[[Statement, int], None]
"""Told of each statement after it, while its transaction is open, with the server's process that ran it."""


def apply_script(
    conninfo: str,
    script: Path | Script,
    *,
    timeout_seconds: float,
    settings: Mapping[str, str] | None = None,
    watcher: Watcher | None = None,
) -> tuple[Notice, ...]:
    """Apply a SQL file over a connection of its own, logged in as the role that `conninfo` names.

    All statements share one transaction, unless the file controls transactions itself or has a statement
    that cannot run inside one. `timeout_seconds` limits each statement; `settings` are set at login.
    Raises ConfigError for an unreadable file, SchemaError for its faults, ServerError when the server fails.
    """
    source = read_script(script) if isinstance(script, Path) else script
    statements = parse_script(source)
    timeout = {"statement_timeout": f"{max(1, round(timeout_seconds * 1000))}ms"}
    with (
        closing(connect(conninfo, settings=timeout | dict(settings or {}))) as connection,
        Watchdog(connection, limit=timeout_seconds) as watchdog,
    ):
        return _Application(source, connection, watchdog, watcher).run(statements)


def connect(conninfo: str, *, settings: Mapping[str, str] | None = None) -> psycopg.Connection[Any]:
    """Connect in autocommit mode with `settings` as of login. Raises ServerError when that fails."""
    given = conninfo_to_dict(conninfo).get("options")
    options = [str(given)] if given else []
    options += [f"-c {name}={_escaped(value)}" for name, value in (settings or {}).items()]
    try:
        return psycopg.connect(
            conninfo,
            autocommit=True,
            options=" ".join(options),
            client_encoding="utf8",
            prepare_threshold=None,
        )
    except psycopg.OperationalError as error:
        raise ServerError("Cannot connect to PostgreSQL.", why=str(error).strip()) from error


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


class Watchdog:
    """Stops a statement that outlives `limit` seconds, whatever the file does against that.

    A file may `set statement_timeout = 0` and even catch the cancellation; a closed line it cannot survive:
    the backend, if it still runs, goes with its database (`drop database … with (force)`).
    """

    GRACE = 0.1

    def __init__(self, connection: psycopg.Connection[Any], *, limit: float) -> None:
        self._connection = connection
        self.limit = limit
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.started = time.monotonic()
        self.bit = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(min(self.limit, 1) / 4):
            overdue = time.monotonic() - self.started - self.limit
            if overdue > self.GRACE:
                self.bit = True
                self._hang_up() if overdue > 4 * self.GRACE else self._cancel()

    def _cancel(self) -> None:
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=1)

    def _hang_up(self) -> None:
        with suppress(OSError, psycopg.Error), socket.socket(fileno=self._connection.fileno()) as line:
            try:
                line.shutdown(socket.SHUT_RDWR)
            finally:
                line.detach()  # the descriptor is libpq's


class _Application:
    """One run of a script over one connection."""

    def __init__(
        self, script: Script, connection: psycopg.Connection[Any], watchdog: Watchdog, watcher: Watcher | None
    ) -> None:
        self._script = script
        self._watcher = watcher
        self._connection = connection
        self._watchdog = watchdog
        self._notices: list[Notice] = []
        self._place = Place(file=script.path, line=1)
        self._dsn = connection.info.dsn
        self._role = connection.info.user
        self._superuser = connection.info.parameter_status("is_superuser") == "on"
        connection.add_notice_handler(self._note)

    def run(self, statements: tuple[Statement, ...]) -> tuple[Notice, ...]:
        single = all(statement.transactional for statement in statements)
        if single:
            self._execute(statements[0], "begin")
        for statement in statements:
            self._run(statement)
        if single:
            # Deferred constraints speak up here: the last statement stands for the file's end.
            self._execute(statements[-1], "commit")
        elif not self._idle:
            raise _unended(statements[-1])
        return tuple(self._notices)

    def _run(self, statement: Statement) -> None:
        """Run one statement; for a watcher in a transaction, where it has none and may have one."""
        if self._watcher is None:
            self._execute(statement, statement.text)
            return
        alone = statement.transactional and self._idle
        if alone:
            self._execute(statement, "begin")
        self._execute(statement, statement.text)
        self._watcher(statement, self._connection.info.backend_pid)
        if alone:
            self._execute(statement, "commit")

    @property
    def _idle(self) -> bool:
        return self._connection.info.transaction_status == TransactionStatus.IDLE

    def _execute(self, statement: Statement, text: str) -> None:
        self._place = statement.place
        self._watchdog.started = time.monotonic()
        try:
            # Without parameters psycopg sends the text untouched, percent signs included.
            self._connection.execute(text.encode())
        except psycopg.Error as error:
            raise explain(self._script, statement, error, self._circumstances()) from error

    def _circumstances(self) -> Circumstances:
        watchdog, connection = self._watchdog, self._connection
        return Circumstances(
            role=self._role,
            superuser=self._superuser,
            elapsed=time.monotonic() - watchdog.started,
            limit=watchdog.limit,
            lost=connection.closed,
            answering=PGconn.ping(self._dsn.encode()) == Ping.OK,
            stopped=watchdog.bit,
        )

    def _note(self, diag: psycopg.errors.Diagnostic) -> None:
        notice = Notice(
            place=self._place, severity=diag.severity_nonlocalized or "", message=diag.message_primary or ""
        )
        self._notices.append(notice)


def _unended(last: Statement) -> SchemaError:
    return SchemaError(
        f"{last.place}: the file ends inside a transaction that it began.",
        place=last.place,
        why="PostgreSQL rolls an unfinished transaction back: nothing of it would be kept.",
        fixes=("end the file with commit",),
    )
