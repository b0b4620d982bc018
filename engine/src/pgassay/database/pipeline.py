"""Many statements in one flight: each in its own segment, rolled back, with the server's full diagnostics."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from select import select
from typing import Any

import psycopg
from psycopg import pq

from pgassay.database import Session
from pgassay.errors import ServerError
from pgassay.observation import Persona, same_everywhere

_IN_FLIGHT = 100
_SAVEPOINT = "pgassay_probe"
KEEP = f"savepoint {_SAVEPOINT}"
"""The last statement of a segment that is kept: the next ones go back to its end, until all is undone."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of one segment: the rows of each statement that ran, as text; the error that ended it.

    The error is that of the statement after those that ran; with `whole_request`, nothing of it was run.
    `notices`: what the client is told beside, of all statements.
    """

    rows: tuple[tuple[tuple[str | None, ...], ...], ...]
    counts: tuple[int, ...]  # rows returned or touched by each; -1 where a statement counts none
    sqlstate: str = ""
    source_function: str = ""
    message: str = ""
    detail: str = ""
    hint: str = ""
    constraint: str = ""
    table: str = ""
    column: str = ""
    context: str = ""
    whole_request: bool = False
    notices: tuple[str, ...] = ()


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """What `fly` goes back to after every segment. All that was done inside is undone."""
    _send(session, f"savepoint {_SAVEPOINT}")
    try:
        yield
    finally:
        if not session.connection.closed:
            _send(session, f"rollback to savepoint {_SAVEPOINT}; release savepoint {_SAVEPOINT}")


def probing(session: Session, persona: Persona | None) -> AbstractContextManager[Session]:
    """As `savepoint`, acting as a persona or the owner."""
    return session.undone_as(persona, then=KEEP)


def fly(session: Session, segments: Sequence[Sequence[str]]) -> list[Answer]:
    """Run each segment, several statements, from the state of the savepoint; its first error ends it.

    Libpq's pipeline: no round trip for each, and none of the statements is inside a function of ours, which
    could change what is measured. Raises ServerError when the connection is lost.
    """
    connection = session.connection.pgconn
    back = f"rollback to savepoint {_SAVEPOINT}".encode()
    answers: list[Answer] = []
    notices: list[str] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        notices.append(notice.message_primary or "")

    # Otherwise libpq waits until it can send without reading, and the server until it can answer without
    # reading: for ever, once neither buffer holds what is under way.
    was, connection.nonblocking = connection.nonblocking, 0
    connection.enter_pipeline_mode()
    session.connection.add_notice_handler(note)
    try:
        all_segments = [*segments, ()]
        for start in range(0, len(all_segments), _IN_FLIGHT):
            batch = all_segments[start : start + _IN_FLIGHT]
            started = time.perf_counter()
            for segment in batch:
                connection.send_query_params(back, None)
                for statement in segment:
                    connection.send_query_params(statement.encode(), None)
                connection.pipeline_sync()
            answers += [_receive(connection, notices) for _ in batch]
            session.wait(time.perf_counter() - started, sum(map(len, batch)))
    except (KeyboardInterrupt, SystemExit):
        session.connection.close()  # a pipeline that is under way cannot be left
        raise
    finally:
        session.connection.remove_notice_handler(note)
        if connection.status == pq.ConnStatus.OK:
            connection.exit_pipeline_mode()
            connection.nonblocking = was
    return answers[:-1]  # the last segment only went back


def _receive(connection: pq.abc.PGconn, notices: list[str]) -> Answer:
    """Of one segment; `notices` are taken as they come: none comes before its segment's first result."""
    results: list[pq.abc.PGresult] = []
    while True:
        _wait(connection)
        result = connection.get_result()
        if connection.status != pq.ConnStatus.OK:
            raise ServerError("The server went away in the middle of a probe.")
        if result is None:  # the end of one statement
            continue
        if result.status == pq.ExecStatus.PIPELINE_SYNC:
            told = tuple(notices)
            notices.clear()
            return replace(_answer(results[1:]), notices=told)
        results.append(result)


def _wait(connection: pq.abc.PGconn) -> None:
    """Wait for a result outside of libpq, in which no other thread of this process would run meanwhile."""
    while connection.status == pq.ConnStatus.OK and connection.is_busy():
        select([connection.socket], [], [])
        try:
            connection.consume_input()
        except psycopg.OperationalError as error:
            raise ServerError("The server went away in the middle of a probe.", why=str(error)) from error


def _answer(results: Sequence[pq.abc.PGresult]) -> Answer:
    failed = next((result for result in results if result.status == pq.ExecStatus.FATAL_ERROR), None)
    good = [r for r in results if r.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)]
    return Answer(
        rows=tuple(read_rows(result) for result in good),
        counts=tuple(-1 if r.command_tuples is None else r.command_tuples for r in good),
        **(_diagnostics(failed) if failed else {}),
    )


def read_rows(result: pq.abc.PGresult) -> tuple[tuple[str | None, ...], ...]:
    """As text."""
    columns = range(result.nfields)
    return tuple(
        tuple(read_text(result.get_value(row, column)) for column in columns) for row in range(result.ntuples)
    )


def _diagnostics(result: pq.abc.PGresult) -> dict[str, Any]:
    fields = {
        "sqlstate": pq.DiagnosticField.SQLSTATE,
        "source_function": pq.DiagnosticField.SOURCE_FUNCTION,
        "message": pq.DiagnosticField.MESSAGE_PRIMARY,
        "detail": pq.DiagnosticField.MESSAGE_DETAIL,
        "hint": pq.DiagnosticField.MESSAGE_HINT,
        "constraint": pq.DiagnosticField.CONSTRAINT_NAME,
        "table": pq.DiagnosticField.TABLE_NAME,
        "column": pq.DiagnosticField.COLUMN_NAME,
        "context": pq.DiagnosticField.CONTEXT,
    }
    told = {name: read_text(result.error_field(code)) or "" for name, code in fields.items()}
    return told | {"sqlstate": read_sqlstate(result)}


def read_sqlstate(result: pq.abc.PGresult) -> str:
    """The SQLSTATE of a failure, as every version of PostgreSQL gives it; "" where there is none."""
    code = read_text(result.error_field(pq.DiagnosticField.SQLSTATE)) or ""
    source_function = read_text(result.error_field(pq.DiagnosticField.SOURCE_FUNCTION)) or ""
    return same_everywhere(code, source_function)


def read_text(value: bytes | None) -> str | None:
    """None is null."""
    return None if value is None else value.decode("utf-8", "replace")


def _send(session: Session, statements: str) -> None:
    session.connection.execute(statements.encode())
