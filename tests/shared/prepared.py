"""Queries that are run again and again are planned once for each connection: to plan them takes longest."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import psycopg

from pgassay.database import Session
from pgassay.database.actor import StatementResult

_prepared: WeakKeyDictionary[psycopg.Connection[Any], set[str]] = WeakKeyDictionary()


def execute_prepared(session: Session, name: str, query: str) -> StatementResult:
    """Run a query without parameters, which goes by that name on the session's connection."""
    known = _prepared.setdefault(session.connection, set())
    if name not in known:
        session.execute(f"prepare {name} as {query}")
        known.add(name)
    return session.execute(f"execute {name}")
