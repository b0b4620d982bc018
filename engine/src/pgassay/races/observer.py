"""Who waits for whom, and what was touched, as PostgreSQL says it outside the database under test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from pgassay.database import Database
from pgassay.races.footprint import Lock

# With their defaults a deadlock takes a second to be found, and nobody says when it was looked for.
_SETTINGS = {
    "deadlock_timeout": "1ms",
    "log_lock_waits": "on",
    "lc_messages": "C",
    "client_min_messages": "log",
}

# A function may have set client_min_messages, and so have silenced its session.
_WHERE_TOLD, _WHERE_SILENT = 1.0, 0.0

_BLOCKERS: LiteralString = """
    select pid, pg_catalog.pg_blocking_pids(pid) || pg_catalog.pg_safe_snapshot_blocking_pids(pid)
    from pg_catalog.unnest(%s::integer[]) as pid
"""
# Locks of pages, tuples and transactions are how waiting is done; those that remain say what was touched.
_LOCKS: LiteralString = """
    select locktype, coalesce(relation, classid), objid, objsubid, mode from pg_catalog.pg_locks
    where pid = %s and granted and locktype not in ('virtualxid', 'transactionid', 'tuple', 'page', 'extend')
"""


class Observer:
    """A connection to the maintenance database: the schema under test has no way to it.

    After `patience` seconds a session waits if it is blocked, though it has not said so.
    """

    def __init__(self, connection: psycopg.Connection[Any], *, patience: float) -> None:
        self._connection = connection
        self.patience = patience

    def blockers(self, pids: Sequence[int]) -> dict[int, set[int]]:
        """The processes that each of `pids` waits for; none where it runs or is idle."""
        rows = self._connection.execute(_BLOCKERS, [list(pids)], prepare=True)
        return {pid: set(blockers) for pid, blockers in rows}

    def locks(self, pid: int) -> list[Lock]:
        """What a process has locked, but for the rows."""
        rows = self._connection.execute(_LOCKS, [pid], prepare=True)
        return [
            Lock(key=(kind, *(str(part) for part in identity if part is not None)), mode=mode)
            for kind, *identity, mode in rows
        ]

    def terminate(self, pid: int) -> None:
        """End a session's backend."""
        self._connection.execute("select pg_catalog.pg_terminate_backend(%s)", [pid])


@contextmanager
def open_observer(database: Database) -> Iterator[Observer]:
    """An observer of `database`, whose sessions, from now on, tell at once that they wait and why they fail.

    On an attached server whose role may not arrange this, deadlocks take that server's deadlock_timeout.
    """
    server = database.server
    with closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as connection:
        patience = _WHERE_TOLD if _let_sessions_tell(connection, database) else _WHERE_SILENT
        yield Observer(connection, patience=patience)


def _let_sessions_tell(connection: psycopg.Connection[Any], database: Database) -> bool:
    alter = sql.SQL("alter database {} set {} to {}")
    try:
        for name, value in _SETTINGS.items():
            connection.execute(
                alter.format(sql.Identifier(database.name), sql.Identifier(name), sql.Literal(value))
            )
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True
