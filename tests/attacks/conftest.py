"""Fixtures for attacks: a hash of all rows, and a connection of PostgREST's pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pgassay.database import Client, Database, Session, open_client

_TABLES = (
    *(
        "public.users",
        "public.jobs",
        "public.payments",
        "public.credit_transactions",
        "public.credit_packages",
    ),
    *("public.user_preferences", "public.webhook_logs", "public.api_usage_logs", "storage.objects"),
)
_STATE = " union all ".join(
    f"select '{table}' || md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from {table} as t"
    for table in _TABLES
)


@pytest.fixture
def fingerprint(session: Session) -> Callable[[], str]:
    """A hash of every row of every table, as the owner sees them, for "nothing changed"."""

    def take() -> str:
        with session.as_owner():
            return str(session.execute(_STATE).rows)

    return take


@pytest.fixture
def client(shared_database: Database) -> Iterator[Client]:
    """A connection of PostgREST's pool, logged in as authenticator. Nothing may be committed over it."""
    with open_client(shared_database) as client:
        yield client
