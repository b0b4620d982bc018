"""One session's connection, on which a statement can be under way."""

from __future__ import annotations

import json
import selectors
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq

from pgassay.database.pipeline import read_rows, read_sqlstate, read_text
from pgassay.races.sync import PASSED, SKIPPED, SYNC_POINT

Row = tuple[str | None, ...]

_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK, pq.ExecStatus.EMPTY_QUERY)
_FAILED = pq.ExecStatus.FATAL_ERROR
_LOST = "08006"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What became of what was sent: rows as text, of its last statement; `sqlstate` is "" when it ran."""

    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    count: int = -1  # rows returned or touched; -1 where a statement counts none
    sqlstate: str = ""
    message: str = ""
    lost: bool = False


NOTHING = Reply()


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A sync point at which a session did not stop, and the tables that it may be about; None: any."""

    point: str
    about: frozenset[str] | None


class SessionLine:
    """A connection that is never waited for: `send`, then `receive` until there is a reply.

    `waiting` follows what the server says of its lock waits, if it was told to: it says so after the
    deadlock check, and says that the lock was acquired. `paused` names the sync point that it has come to;
    `passed` says that it has left that behind, `skipped` where it did not stop.
    """

    def __init__(self, connect: Callable[[], psycopg.Connection[Any]]) -> None:
        self._connect = connect
        self._results: list[pq.abc.PGresult] = []
        self.open()

    def open(self) -> None:
        """Connect, again where the connection was lost. Raises ServerError."""
        self._connection = self._connect()
        self._connection.add_notice_handler(self._notice)
        self._pg = self._connection.pgconn
        self.pid = self._pg.backend_pid
        self.lost = self.busy = self.waiting = False
        self.paused, self.passed = "", False
        self.skipped: list[Skipped] = []

    @property
    def in_transaction(self) -> bool:
        return not self.lost and self._pg.transaction_status != pq.TransactionStatus.IDLE

    def fileno(self) -> int:
        return self._pg.socket

    def send(self, sql: str) -> None:
        """Send statements, without waiting for what becomes of them."""
        self.busy, self.waiting, self.paused = True, False, ""
        with suppress(psycopg.OperationalError):  # a lost connection shows when it is read
            self._pg.send_query(sql.encode())

    def receive(self) -> Reply | None:
        """The reply, once it is there."""
        try:
            self._pg.consume_input()
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:
                    return self._reply()
                self._results.append(result)
        except psycopg.OperationalError:
            return self._lose()
        return self._lose() if self._pg.status != pq.ConnStatus.OK else None

    def outlive(self) -> None:
        """Wait for the end of the connection, whose backend is being terminated."""
        while not self.lost:
            wait_for([self])
            try:
                self._pg.consume_input()
            except psycopg.OperationalError:
                self._lose()

    def mogrify(self, sql: str, values: dict[str, str | None]) -> str:
        """`sql` with every %(name)s replaced by a literal. Raises KeyError for a name without a value."""
        return psycopg.ClientCursor(self._connection).mogrify(sql.encode(), values)

    def close(self) -> None:
        self._connection.close()

    def _reply(self) -> Reply:
        if self._pg.status != pq.ConnStatus.OK:
            return self._lose()
        results, self._results = self._results, []
        self.busy = self.waiting = False
        self.paused = ""
        failed = next((result for result in results if result.status == _FAILED), None)
        return _failure(failed) if failed else read_result(results[-1])

    def _lose(self) -> Reply:
        failed = [result for result in self._results if result.status == _FAILED]
        self._results = []
        self.lost, self.busy, self.waiting, self.paused = True, False, False, ""
        self._connection.close()
        told = _failure(failed[0]) if failed else Reply(sqlstate=_LOST, message="the connection was lost")
        return Reply(sqlstate=told.sqlstate, message=told.message, lost=True)

    def _notice(self, diag: psycopg.errors.Diagnostic) -> None:
        text = diag.message_primary or ""
        if diag.sqlstate == SYNC_POINT:
            self.paused, self.passed = text, False
        elif diag.sqlstate == PASSED:
            self.paused, self.passed = "", True
        elif diag.sqlstate == SKIPPED:
            about = json.loads(diag.message_detail or "null")
            self.skipped.append(Skipped(point=text, about=None if about is None else frozenset(about)))
        elif diag.source_function == "ProcSleep":
            # "process 12 still waiting for …", "… acquired …", "… avoided deadlock …"
            self.waiting = " still waiting for " in text


def wait_for(lines: Sequence[SessionLine], *, seconds: float | None = None) -> bool:
    """Whether any of them has news within so many seconds; without a limit, wait for it."""
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line, selectors.EVENT_READ)
        return bool(selector.select(seconds))


def ask(line: SessionLine, sql: str = "") -> Reply:
    """Send `sql`, if any, and wait for the reply, which no other session may hold up."""
    if sql:
        line.send(sql)
    while (reply := line.receive()) is None:
        wait_for([line])
    return reply


def read_result(result: pq.abc.PGresult) -> Reply:
    """A good result, as text."""
    return Reply(
        columns=tuple((result.fname(column) or b"").decode() for column in range(result.nfields)),
        rows=read_rows(result),
        count=-1 if result.command_tuples is None else result.command_tuples,
    )


def _failure(result: pq.abc.PGresult) -> Reply:
    return Reply(
        sqlstate=read_sqlstate(result) or _LOST,
        message=read_text(result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)) or "",
    )
