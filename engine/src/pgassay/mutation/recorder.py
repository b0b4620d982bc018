"""Watch what the tests of a process send over psycopg, and what the server counts of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType
from typing import Any, LiteralString
from weakref import WeakKeyDictionary

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from pgassay.coverage.counters import has_counters, read_counts
from pgassay.database import Database
from pgassay.database.actor import Actor
from pgassay.errors import ServerError
from pgassay.mutation.footprint import Footprint, dissect, words_of
from pgassay.mutation.things import scan

_REACHED: LiteralString = """
    select t.relname,
        coalesce(t.seq_scan, 0) + coalesce(t.idx_scan, 0) + t.n_tup_ins + t.n_tup_upd + t.n_tup_del
    from pg_catalog.pg_stat_user_tables as t
    union all
    select f.funcname, f.calls from pg_catalog.pg_stat_user_functions as f
"""
_OTHERS: LiteralString = """
    select count(*) from pg_catalog.pg_stat_activity
    where datname = pg_catalog.current_database() and pid <> pg_catalog.pg_backend_pid()
        and backend_type = 'client backend'
"""
_SECONDS_TO_LEAVE = 10.0
_DOORS = ("psycopg", "contextlib", "pgassay.mutation.", "pgassay.database.actor", "pgassay.database.session")

Connection = psycopg.Connection[Any]


class StatementRecorder:
    """Keeps the footprint of the test that is running."""

    def __init__(self, *, maintenance: str) -> None:
        self._maintenance = maintenance  # the database where the engine makes others
        self.lines: dict[str, tuple[str, int]] = {}  # function and line, by the names of counters
        self._footprint = Footprint(counts_calls=True)
        self._counts_calls = True
        self._is_silent = False
        self.sent = 0  # statements that were noted
        self._counted: dict[str, dict[str, int]] = {}
        self._roles: WeakKeyDictionary[Connection, str] = WeakKeyDictionary()

    def begin(self) -> None:
        """Another test is about to run."""
        self._footprint = Footprint(counts_calls=True)

    def finish(self) -> Footprint:
        """Of the test that just ended."""
        with self._silent():
            for connection in tuple(self._roles):
                if not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE:
                    self._count_live(connection)
        self._footprint.counts_calls &= self._counts_calls
        return self._footprint

    def open(self, database: Database) -> None:
        """A database was made: its functions shall be counted, where the server lets us."""
        self._counted[database.name] = {}
        server = database.server
        count = sql.SQL("alter database {} set track_functions = 'all'").format(sql.Identifier(database.name))
        with self._silent(), closing(psycopg.connect(server.conninfo(server.maintenance))) as connection:
            connection.autocommit = True
            try:
                connection.execute(count)
            except psycopg.errors.InsufficientPrivilege:
                self._counts_calls = False

    def close(self, database: Database) -> None:
        """A database is about to go: what was counted in it belongs to the test that is running."""
        with self._silent(), suppress(ServerError), closing(database.connect(autocommit=True)) as connection:
            # A server process counts at its end, which comes after its client's.
            deadline = time.monotonic() + _SECONDS_TO_LEAVE
            while connection.execute(_OTHERS).fetchone() != (0,) and time.monotonic() < deadline:
                time.sleep(0.002)
            self._count(connection, database.name)
        del self._counted[database.name]

    def note(self, connection: Connection, query: object, params: object) -> None:
        """A statement is about to run."""
        if self._is_silent or connection.info.dbname == self._maintenance:
            return
        self.sent += 1
        if connection.info.dbname not in self._counted:  # made by the test's own means
            self._footprint.counts_calls = False
        role = self._roles.setdefault(connection, connection.info.user)
        by_test = _asked_by_test()
        for part in dissect(_text(query, connection)):
            if part.role is not None:
                role = self._roles[connection] = part.role or connection.info.user
            self._footprint.note(role, part._replace(words=part.words | _values(params)), by_test=by_test)

    def note_failure(self, error: psycopg.Error) -> None:
        """A function that an error leaves is not counted, but named in its context."""
        self._footprint.reached |= words_of(tuple(scan(error.diag.context or "")))

    def _count_live(self, connection: Connection) -> None:
        if connection.info.dbname in self._counted and connection.autocommit:
            connection.execute("select pg_catalog.pg_stat_force_next_flush()")
            self._count(connection, connection.info.dbname)

    def _count(self, connection: Connection, name: str) -> None:
        counts: dict[str, int] = {}
        for what, count in connection.execute(_REACHED):
            counts[what] = counts.get(what, 0) + count
        before = self._counted[name]
        self._footprint.reached |= {what for what, count in counts.items() if count > before.get(what, 0)}
        for what, count in self._counters(connection).items():
            counts[what] = count
            if count > before.get(what, 0) and what in self.lines:
                function, line = self.lines[what]
                ran = self._footprint.lines.get(function, frozenset())
                self._footprint.lines[function] = ran | {line}
        self._counted[name] = counts

    def _counters(self, connection: Connection) -> dict[str, int]:
        """What functions of the database counted; nothing where none does."""
        return read_counts(connection) if self.lines and has_counters(connection) else {}

    @contextmanager
    def _silent(self) -> Iterator[None]:
        """While the recorder itself asks."""
        self._is_silent = True
        try:
            yield
        finally:
            self._is_silent = False


def _asked_by_test() -> bool:
    """Whether a test sent the statement, and not the engine for purposes of its own."""
    frame: FrameType | None = sys._getframe(2)
    while frame and frame.f_globals.get("__name__", "").startswith(_DOORS):
        frame = frame.f_back
    return frame is None or not frame.f_globals.get("__name__", "").startswith("pgassay.")


def _values(params: object) -> frozenset[str]:
    """The words in texts that a statement gets as parameters, such as the name of a table."""
    values = params.values() if isinstance(params, dict) else params
    if not isinstance(values, (list, tuple, type({}.values()))):
        return frozenset()
    return words_of(tuple(value for value in values if isinstance(value, str)))


def _text(query: Any, connection: Connection) -> str:  # noqa: ANN401
    if isinstance(query, bytes):
        return query.decode(errors="replace")
    return query if isinstance(query, str) else str(query.as_string(connection))


@contextmanager
def recording(recorder: StatementRecorder) -> Iterator[None]:
    """Until the end, every statement that this process sends over psycopg, or a session past it, is noted."""
    doors = (*((psycopg.Cursor, name) for name in ("execute", "executemany", "copy")), (Actor, "run_plainly"))
    originals = {door: getattr(*door) for door in doors}

    def noting(original: Any) -> Any:  # noqa: ANN401
        def method(sender: Any, query: Any, params: Any = None, **options: Any) -> Any:  # noqa: ANN401
            recorder.note(sender.connection, query, params)
            try:
                return original(sender, query, *(() if params is None else (params,)), **options)
            except psycopg.Error as error:
                recorder.note_failure(error)
                raise

        return method

    for door, original in originals.items():
        setattr(*door, noting(original))
    try:
        yield
    finally:
        for door, original in originals.items():
            setattr(*door, original)
