"""Sync points: a session stops before each statement of a PL/pgSQL function until it is let go on.

A session that comes to one says so, and waits at a gate, an advisory lock that the gatekeeper holds. When the
gate is opened it says that it has passed, and waits at a second one while the first is closed behind it.
"""

from __future__ import annotations

from typing import Any

import psycopg

from pgassay.plpgsql.model import Point
from pgassay.plpgsql.rewriting import read_functions, rewrite
from pgassay.races.line import PASSED, SYNC_POINT

_SESSION = "pgassay.session"
_LOCKS = int.from_bytes(b"pgas")

# The time at a gate is none that the schema's timeouts are about.
_SYNC = f"""
    create schema pgassay_sync;
    create function pgassay_sync.stop(point text) returns boolean language plpgsql
    set search_path = '' set lock_timeout = 0 as $$
    declare
        gate constant integer := 2 * nullif(current_setting('{_SESSION}', true), '')::integer;
    begin
        if gate is not null then
            -- INFO reaches the client whatever client_min_messages says.
            raise info '%', point using errcode = '{SYNC_POINT}';
            perform pg_advisory_lock_shared({_LOCKS}, gate);
            perform pg_advisory_unlock_shared({_LOCKS}, gate);
            raise info '%', point using errcode = '{PASSED}';
            perform pg_advisory_lock_shared({_LOCKS}, gate + 1);
            perform pg_advisory_unlock_shared({_LOCKS}, gate + 1);
        end if;
        return null;
    end
    $$;
    grant usage on schema pgassay_sync to public;
    grant execute on function pgassay_sync.stop(text) to public;
"""


def install_sync_points(owner: psycopg.Connection[Any]) -> None:
    """Rewrite the owner's PL/pgSQL functions, in a clone. Raises InstrumentError."""
    functions = read_functions(owner)
    with owner.transaction():
        owner.execute(_SYNC.encode())
        for function in functions:
            owner.execute(rewrite(function, _probe).encode())


def enlist(session: int) -> str:
    """The SQL by which a transaction's session stops at sync points; else they do nothing."""
    return f"set local {_SESSION} to '{session}'"


class Gatekeeper:
    """Holds the gates, over a connection to the same database: advisory locks belong to one."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self.pid = connection.info.backend_pid
        self._closed: set[int] = set()

    def close(self, session: int) -> None:
        """Let the session stop at its next sync point."""
        if session not in self._closed:
            self._call("lock", 2 * session)
            self._closed.add(session)

    def open(self, session: int) -> None:
        """Let a session go that has stopped: it says that it has passed, and then waits for `let_go`."""
        self._call("lock", 2 * session + 1)
        self._call("unlock", 2 * session)

    def let_go(self, session: int) -> None:
        """Let a session that has passed go on to its next sync point."""
        self._call("lock", 2 * session)
        self._call("unlock", 2 * session + 1)

    def _call(self, action: str, gate: int) -> None:
        self._connection.execute(f"select pg_catalog.pg_advisory_{action}({_LOCKS}, {gate})".encode())


def _probe(point: Point) -> str:
    return "" if _is_local(point) else f"pgassay_sync.stop({_quote(point.name)})"


def _is_local(point: Point) -> bool:
    """Whether a statement surely reads and writes variables alone: no other session can tell when it ran.

    Without a bracket an expression has neither a query nor a call in it.
    """
    one_line = point.text.endswith((";", " then"))
    return point.kind in ("assign", "if", "return", "raise", "exit") and one_line and "(" not in point.text


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
