"""Apply SQL files as the Supabase CLI does, and statement by statement: a failure names its statement.

The CLI sends each file as one pipeline of the extended protocol with a Sync at its end, and `reset all`
between files. So a file is one transaction, unless it ends that itself; and a statement that cannot run
inside of one (`create index concurrently`) runs where nothing stands before it.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq import ExecStatus, PGconn, Ping, TransactionStatus
from psycopg.pq.abc import PGresult

from pgassay.database.messages import Circumstances, explain
from pgassay.database.script import Script, Statement, parse_script, read_script
from pgassay.errors import Place, SchemaError, ServerError
from pgassay.supabase.event_triggers import EMULATION

# It would warn on the terminal of a lost connection, which is told of as an error.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


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
    """Apply one SQL file: see `apply_scripts`."""
    return apply_scripts(
        conninfo, (script,), timeout_seconds=timeout_seconds, settings=settings, watcher=watcher
    )


def apply_scripts(
    conninfo: str,
    scripts: Sequence[Path | Script],
    *,
    timeout_seconds: float,
    settings: Mapping[str, str] | None = None,
    watcher: Watcher | None = None,
) -> tuple[Notice, ...]:
    """Apply SQL files over one connection of their own, logged in as the role that `conninfo` names.

    `timeout_seconds` limits each statement; `settings` are set at login.
    Raises ConfigError for an unreadable file, SchemaError for its faults, ServerError when the server fails.
    """
    sources = [read_script(script) if isinstance(script, Path) else script for script in scripts]
    timeout = {"statement_timeout": f"{max(1, round(timeout_seconds * 1000))}ms"}
    notices: list[Notice] = []
    with (
        closing(connect(conninfo, settings=timeout | dict(settings or {}))) as connection,
        Watchdog(connection, limit=timeout_seconds) as watchdog,
    ):
        for source in sources:
            if statements := parse_script(source):
                connection.execute("reset all")
                notices += _Application(source, connection, watchdog, watcher).run(statements)
    return tuple(notices)


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

    def run(self, statements: tuple[Statement, ...]) -> tuple[Notice, ...]:
        self._connection.add_notice_handler(self._note)
        try:
            self._send(statements)
        finally:
            self._connection.remove_notice_handler(self._note)
        if self._connection.info.transaction_status != TransactionStatus.IDLE:
            raise _unended(statements[-1])
        return tuple(self._notices)

    def _send(self, statements: tuple[Statement, ...]) -> None:
        if not statements[0].parsed:
            with self._explained(statements[0]):
                # Without parameters psycopg sends the text untouched, percent signs included.
                self._connection.execute(statements[0].text.encode())
            return
        with self._connection.pipeline():
            for statement in statements:
                with self._explained(statement):
                    self._execute(statement)
                if self._watcher:
                    self._watcher(statement, self._connection.info.backend_pid)
            # Deferred constraints speak up at the end of the file: the last statement stands for it.
            with self._explained(statements[-1]):
                self._sync()

    def _sync(self) -> None:
        """End the file's transaction. psycopg's own `sync` may lose the error that this brings.

        psycopg 3.3 expects one answer to a Sync and raises IndexError where an error comes with it.
        """
        line = self._connection.pgconn
        line.pipeline_sync()
        self._connection.wait(send(line))
        failures: list[PGresult] = []
        try:
            while results := self._connection.wait(fetch_many(line)):
                if results[0].status == ExecStatus.PIPELINE_SYNC:
                    break
                failures += results
        except psycopg.OperationalError:
            if not failures:  # else the error took the connection with it
                raise
        if failures:
            raise error_from_result(failures[0], encoding=self._connection.info.encoding)

    def _execute(self, statement: Statement) -> None:
        """Send a statement and wait for what becomes of it, without a Sync."""
        try:
            text = statement.text_for(self._connection.info.dbname)
            if statement.emulation and self._is_on_platform():
                text = statement.emulation
            self._connection.execute(text.encode()).fetchone()
        except psycopg.ProgrammingError as error:
            if error.sqlstate:  # else psycopg itself, of a statement that gives no rows
                raise

    def _is_on_platform(self) -> bool:
        """Whether the platform's SQL does what takes a superuser, and we are none."""
        found = self._connection.execute("select to_regproc(%s) is not null", [EMULATION]).fetchone()
        return not self._superuser and found == (True,)

    @contextmanager
    def _explained(self, statement: Statement) -> Iterator[None]:
        self._place = statement.place
        self._watchdog.started = time.monotonic()
        try:
            yield
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
        why="PostgreSQL rolls an unfinished transaction back: nothing of it, or of later files, is kept.",
        fixes=("end the file with commit",),
    )
