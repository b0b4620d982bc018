"""Statements that are tried together: all of them stay, or none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgassay.database import Session
from pgassay.world.statements import literal

_WITHOUT_TRIGGERS = (
    "select set_config('session_replication_role', 'replica', true)",
    "select set_config('session_replication_role', 'origin', true)",
)
BACKEND: Mapping[str, str] = {"role": "service_role"}
"""The claims of a request that no user sends."""


@dataclass
class Attempts:
    """Runs statements in the session's transaction, and counts them."""

    session: Session
    spent: int = field(default=0)

    def refusal(self, statements: Sequence[str]) -> str:
        """What the server said against them; "" where they ran, and stay."""
        connection = self.session.connection
        connection.execute("savepoint pgassay_attempts")
        try:
            for statement in (*statements, "set constraints all immediate"):
                self.spent += 1
                connection.execute(statement.encode())
        except psycopg.Error as error:
            if connection.closed:
                raise
            connection.execute("rollback to savepoint pgassay_attempts; release savepoint pgassay_attempts")
            return error.diag.message_primary or str(error)
        connection.execute("release savepoint pgassay_attempts")
        return ""


@contextmanager
def kept_if(session: Session) -> Iterator[list[bool]]:
    """What is done inside stays if all that is put into the list is true."""
    session.connection.execute("savepoint pgassay_row_of_somebody")
    kept: list[bool] = []
    yield kept
    if not all(kept):
        session.connection.execute("rollback to savepoint pgassay_row_of_somebody")
    session.connection.execute("release savepoint pgassay_row_of_somebody")


def without_triggers(statements: Sequence[str]) -> tuple[str, ...]:
    """The same statements; neither triggers nor foreign keys see them."""
    off, on = _WITHOUT_TRIGGERS
    return (off, *statements, on)


def claim(claims: Mapping[str, Any]) -> str:
    """Triggers may ask whose request it is; and a setting that was never made cannot be read."""
    settings = {
        "headers": "{}",
        "cookies": "{}",
        "method": "POST",
        "path": "/",
        "jwt.claims": json.dumps(claims),
    }
    calls = (f"set_config('request.{name}', {literal(value)}, true)" for name, value in settings.items())
    return f"select {', '.join(calls)}"
