"""Run statements on one connection and tell what became of each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.rows import dict_row

from pgassay.observation import Attempt, Outcome, same_everywhere

R = TypeVar("R")
Params = Sequence[Any] | Mapping[str, Any] | None
RAISED = "exec_stmt_raise"
"""The C function that reports what PL/pgSQL's RAISE says."""


@dataclass(frozen=True, kw_only=True)
class StatementResult:
    """The rows that a statement returned, and how many it returned or touched (-1: it counts none)."""

    rows: list[dict[str, Any]]
    rowcount: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What became of a statement: why it was refused, or how many rows it returned or touched."""

    sqlstate: str = ""
    count: int = 0


# What changes no type of a result: after anything else, such as DDL or a block, nothing is prepared.
_TAME = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "SET", "SHOW", "EXPLAIN"})
OFTEN = 5
"""So many times does something run before it is prepared."""
_SLOW, _ORDINARY = 0.25, 0.005  # seconds that one statement may take, and each of many besides


class Actor:
    """Statements of one connection in autocommit mode, inside a transaction that begins with the first.

    With `prepares`, a statement that repeats is prepared, as psycopg and PostgREST do; but not once the
    transaction may have changed the schema, since a plan that was made before could not give its rows.
    `waited`: for how many seconds slow statements held it up.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, prepares: bool = False) -> None:
        self.connection = connection
        connection.autocommit = True
        self.prepares = prepares
        connection.prepare_threshold = OFTEN if prepares else None
        self._is_tame = True
        self.waited = 0.0
        self._notices: list[str] = []
        connection.add_notice_handler(lambda diag: self._notices.append(diag.message_primary or ""))

    def execute(self, query: LiteralString, params: Params = None) -> StatementResult:
        """Run one statement. Raises psycopg.Error as the server reports it."""
        cursor = self._send(self.connection.cursor(row_factory=dict_row), query, params)
        return StatementResult(rows=cursor.fetchall() if cursor.description else [], rowcount=cursor.rowcount)

    def value(self, query: LiteralString, params: Params = None) -> Any:  # noqa: ANN401 - whatever SQL returns
        """The first column of the first row; None when there is no row."""
        row = self._send(self.connection.cursor(), query, params).fetchone()
        return None if row is None else row[0]

    def attempt(self, query: LiteralString, params: Params = None) -> Attempt:
        """Try one statement in a savepoint: a database error is an answer, and leaves the transaction usable.

        Raises psycopg.OperationalError when the connection is lost, and only then.
        """
        self._send_plain("savepoint pgassay_attempt")
        self._notices.clear()
        started = time.perf_counter()
        try:
            result = self.execute(query, params)
        except psycopg.Error as error:
            self.wait(time.perf_counter() - started)
            if self.connection.closed:
                if isinstance(error, psycopg.OperationalError):
                    raise
                # The server sent an error of the statement, and then went away before the end of its answer.
                raise psycopg.OperationalError(f"the connection was lost after an error: {error}") from error
            self.run_plainly("rollback to savepoint pgassay_attempt; release savepoint pgassay_attempt")
            return failed(error, tuple(self._notices))
        self._send_plain("release savepoint pgassay_attempt")
        self.wait(time.perf_counter() - started)
        outcome = Outcome.FILTERED if result.rowcount == 0 else Outcome.ALLOWED
        return Attempt(
            outcome=outcome, rows=result.rows, rowcount=result.rowcount, notices=tuple(self._notices)
        )

    def wait(self, seconds: float, statements: int = 1) -> None:
        """Note by how much statements took longer than so many may."""
        self.waited += max(0.0, seconds - _SLOW - statements * _ORDINARY)

    def _send(self, cursor: psycopg.Cursor[R], query: LiteralString, params: Params) -> psycopg.Cursor[R]:
        self._send_plain("")
        cursor.execute(query, params, prepare=None if self._is_tame else False)
        self._is_tame = self._is_tame and (cursor.statusmessage or "").partition(" ")[0] in _TAME
        return cursor

    def _send_plain(self, statements: str) -> None:
        """Send statements without parameters in one message; open the transaction when none is."""
        if self.connection.info.transaction_status == TransactionStatus.IDLE:
            statements = f"{self._begin()}{statements}"
        if statements:
            self.run_plainly(statements)

    def _begin(self) -> str:
        """What begins a transaction, in front of its first statements."""
        self._is_tame = True
        return "begin; "

    def run_plainly(self, statements: str) -> None:
        """Send one message past psycopg, whose cursors cost as much as the server's part of it.

        After a rollback it would deallocate all that is prepared, also by the test's own means.
        """
        result = self.connection.pgconn.exec_(statements.encode())
        if result.status == ExecStatus.FATAL_ERROR:
            error = error_from_result(result, encoding=self.connection.info.encoding)
            if self.connection.closed and not error.sqlstate:
                raise psycopg.OperationalError(str(error)) from error
            raise error


def failed(error: psycopg.Error, notices: tuple[str, ...] = ()) -> Attempt:
    """An attempt that ended with `error`."""
    diag = error.diag
    sqlstate = same_everywhere(error.sqlstate or "", diag.source_function or "")
    return Attempt(
        outcome=classify(sqlstate, diag.source_function or ""),
        sqlstate=sqlstate,
        message=diag.message_primary or str(error),
        detail=diag.message_detail or "",
        hint=diag.message_hint or "",
        context=diag.context or "",
        constraint=diag.constraint_name or "",
        table=diag.table_name or "",
        column=diag.column_name or "",
        notices=notices,
    )


def classify(sqlstate: str, source_function: str) -> Outcome:
    """Tell a failure's kind from its SQLSTATE and the C function that reported it: no language matters."""
    # PL/pgSQL's RAISE is the schema's own refusal, whatever code it chose, 42501 included.
    if source_function == RAISED or sqlstate[:2] in ("23", "44", "PT") or sqlstate == "P0001":
        return Outcome.REJECTED
    if sqlstate != "42501":
        return Outcome.ERROR
    policy = source_function in ("ExecWithCheckOptions", "check_enable_rls")
    return Outcome.DENIED_POLICY if policy else Outcome.DENIED_GRANT
