"""A second session, which ends a first one that does not stop when it is told to.

A function may catch the cancellation that a statement timeout is, and go on: then nothing else ends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread

import psycopg

from pgassay.database import Database, Session

_EVERY = 1.0  # seconds
_TIMES = 3  # as long as a statement may take
_END = (
    "select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where pid = %s "
    "and state = 'active' and pg_catalog.clock_timestamp() - query_start > %s * interval '1 millisecond'"
)


@contextmanager
def watched(database: Database, session: Session, longest: int) -> Iterator[None]:
    """End the session if one statement of it takes far more than the `longest` milliseconds that it may."""
    pid = session.connection.info.backend_pid
    done = Event()

    def watch() -> None:
        with closing(database.connect(autocommit=True)) as connection:
            while not done.wait(_EVERY):
                try:
                    connection.execute(_END, [pid, _TIMES * longest])
                except psycopg.Error:
                    return

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
