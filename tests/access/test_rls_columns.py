"""Which columns each API role may write, found by trying every column of every table."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.access.access import PERSONAS

SETTINGS = {
    *("default_aspect_ratio", "default_subtitle_style", "enable_sound_fx", "enable_jump_cuts"),
    *("email_on_job_complete", "email_on_job_failed", "email_marketing", "theme", "language"),
    "preferences_json",
}
ACCOUNT = {
    *("email", "full_name", "avatar_url", "subscription_tier", "subscription_expires_at"),
    *("is_active", "last_login_at", "deleted_at"),
}
TABLES = (
    *("users", "jobs", "payments", "credit_transactions", "user_preferences"),
    *("credit_packages", "webhook_logs", "api_usage_logs"),
)
EVERY = "every column"

# Persona, command, table: the columns. What is not here may not be written.
WRITABLE: dict[tuple[str, str, str], set[str] | str] = {
    ("alice", "update", "users"): {"full_name", "avatar_url"},
    ("alice", "insert", "jobs"): {"user_id", "job_name", "status", "input_video_path", "client_request_id"},
    ("alice", "update", "jobs"): {"job_name", "status", "input_video_path"},
    ("alice", "insert", "user_preferences"): {"user_id", *SETTINGS},
    ("alice", "update", "user_preferences"): {"user_id", *SETTINGS},
    ("service", "update", "users"): ACCOUNT,
    ("service", "insert", "jobs"): EVERY,
    ("service", "update", "jobs"): EVERY,
    ("service", "insert", "payments"): EVERY,
    ("service", "update", "payments"): EVERY,
    ("service", "insert", "user_preferences"): EVERY,
    ("service", "update", "user_preferences"): EVERY,
    ("service", "insert", "credit_packages"): EVERY,
    ("service", "update", "credit_packages"): EVERY,
    ("service", "insert", "webhook_logs"): EVERY,
    ("service", "update", "webhook_logs"): EVERY,
    ("service", "insert", "api_usage_logs"): EVERY,
    ("service", "update", "api_usage_logs"): EVERY,
}

# Each touches no row: only the right to the column decides.
TRIALS = {
    "insert": "insert into public.{table} ({column}) overriding system value select null where false",
    "update": "update public.{table} set {column} = default where false",
}


def columns(session: Session, table: str) -> set[str]:
    query = """
        select attname::text as name from pg_attribute
        where attrelid = %s::regclass and attnum > 0 and not attisdropped
    """
    return {row["name"] for row in session.execute(query, [f"public.{table}"]).rows}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("command", TRIALS)
@pytest.mark.parametrize("name", PERSONAS)
def test_persona_writes_exactly_these_columns(
    session: Session, personas: Mapping[str, Persona], name: str, command: str, table: str
) -> None:
    known = columns(session, table)
    # Bob and Dave have Alice's role: columns know neither rows nor closed accounts.
    granted = WRITABLE.get(("alice" if name in ("bob", "dave") else name, command, table), set())
    session.act_as(personas[name])
    found = {
        column: session.attempt(TRIALS[command].format(table=table, column=column)).outcome
        for column in sorted(known)
    }
    writable = known if granted is EVERY else granted
    assert found == {
        column: Outcome.FILTERED if column in writable else Outcome.DENIED_GRANT for column in sorted(known)
    }


@pytest.mark.parametrize(
    ("table", "assignment"),
    [
        ("users", "credits = 1000000"),
        ("users", "subscription_tier = 'enterprise'"),
        ("users", "deleted_at = null"),
        ("users", "full_name = 'Alice', credits = 1000000"),
        ("jobs", "credits_cost = 1"),
        ("jobs", "priority = 100"),
        ("jobs", "retry_count = 0"),
        ("jobs", "output_video_path = null"),
        ("payments", "status = 'COMPLETED'"),
    ],
)
def test_users_do_not_write_what_costs_money(
    session: Session, alice: Persona, table: str, assignment: str
) -> None:
    statement = f"update public.{table} set {assignment}"
    before = session.value(f"select string_agg(t::text, '' order by t::text) from public.{table} as t")
    with session.act_as(alice):
        assert session.attempt(statement).outcome is Outcome.DENIED_GRANT
    after = session.value(f"select string_agg(t::text, '' order by t::text) from public.{table} as t")
    assert after == before
