"""UNIQUE and FOREIGN KEY constraints of the eight tables, one by one; a new one without a case fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome
from tests.shared.rows import ALICE, BOB, insert
from tests.tables.check_cases import JOB, PAYMENT, ROWS

CAROL = "ca201000-0000-4000-8000-000000000009"
OTHER = "0ffe2000-0000-4000-8000-000000000008"
TRIAL = {"package_id": JOB, "amount_thb": 0, "status": "COMPLETED", "paid_at": "2025-01-01"}

# For each unique index: a row; the change to a second one that still collides; the change that makes it pass.
UNIQUE: dict[str, tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]] = {
    "users_pkey": ("users", {"id": CAROL}, {"email": "b@example.com"}, {"id": OTHER}),
    "user_preferences_pkey": ("user_preferences", {"user_id": CAROL}, {"theme": "dark"}, {"user_id": OTHER}),
    "credit_packages_pkey": (
        "credit_packages",
        {"id": CAROL},
        {"name": "Twin"},
        {"id": OTHER, "name": "Twin"},
    ),
    "credit_packages_name_is_unique": ("credit_packages", {"name": "A"}, {"credits": 2}, {"name": "a"}),
    "jobs_pkey": ("jobs", {"id": CAROL}, {"user_id": BOB}, {"id": OTHER}),
    "jobs_client_request_is_unique": (
        "jobs",
        {"client_request_id": "x"},
        {"job_name": "Double click"},
        {"user_id": BOB},
    ),
    "jobs_prediction_is_unique": (
        "jobs",
        {"replicate_prediction_id": "x"},
        {"user_id": BOB},
        {"replicate_prediction_id": "y"},
    ),
    "payments_pkey": ("payments", {"id": CAROL}, {"user_id": BOB}, {"id": OTHER}),
    "payments_provider_transaction_is_unique": (
        "payments",
        {"provider": "STRIPE", "package_id": JOB, "provider_transaction_id": "x"},
        {"user_id": BOB},
        {"provider": "PROMPTPAY"},
    ),
    "payments_one_trial_per_user": (
        "payments",
        {"user_id": BOB, **TRIAL},
        {"status": "REFUNDED", "refunded_at": "2025-01-02"},
        {"package_id": None},
    ),
    "credit_transactions_pkey": ("credit_transactions", {"id": -1}, {"user_id": BOB}, {"id": -2}),
    "credit_transactions_job_once": (
        "credit_transactions",
        {"type": "USAGE", "amount": -1, "job_id": JOB},
        {"amount": -2, "user_id": BOB},
        {"type": "REFUND", "amount": 1},
    ),
    "credit_transactions_payment_once": (
        "credit_transactions",
        {"type": "PURCHASE", "payment_id": PAYMENT},
        {"amount": 2, "user_id": BOB},
        {"type": "ADJUSTMENT", "amount": -1},
    ),
    "credit_transactions_key_once": (
        "credit_transactions",
        {"idempotency_key": "x"},
        {"user_id": BOB},
        {"idempotency_key": "X"},
    ),
    "webhook_logs_pkey": ("webhook_logs", {"id": -1}, {"event_id": "twin"}, {"id": -2, "event_id": "twin"}),
    "webhook_logs_event_is_unique": (
        "webhook_logs",
        {"event_id": "x"},
        {"event_type": "replay"},
        {"provider": "other"},
    ),
    "api_usage_logs_pkey": ("api_usage_logs", {"id": -1}, {"api_provider": "other"}, {"id": -2}),
}
# The primary key implies them: they are there as targets of composite foreign keys.
IMPLIED = {"jobs_id_and_user_is_unique", "payments_id_and_user_is_unique"}


def test_every_unique_index_has_a_case(session: Session) -> None:
    query = """
        select array_agg(c.relname::text) from pg_index i inner join pg_class c on c.oid = i.indexrelid
        where c.relnamespace = 'public'::regnamespace and i.indisunique and i.indisvalid
    """
    assert set(session.value(query)) == set(UNIQUE) | IMPLIED


@pytest.mark.parametrize("name", UNIQUE)
def test_second_row_with_the_same_key_is_refused_and_one_beside_it_passes(
    session: Session, name: str
) -> None:
    table, first, colliding, passing = UNIQUE[name]
    row = {**ROWS[table], **first}
    assert insert(session, table, row).message == ""
    refusal = insert(session, table, {**row, **colliding})
    assert (refusal.outcome, refusal.sqlstate, refusal.constraint) == (Outcome.REJECTED, "23505", name)
    assert insert(session, table, {**row, **passing}).message == ""


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("jobs", {"client_request_id": None, "replicate_prediction_id": None}),
        ("payments", {"provider_transaction_id": None}),
        ("credit_transactions", {"job_id": None, "payment_id": None, "idempotency_key": None}),
        ("users", {"email": "alice@example.com", "id": CAROL}),
    ],
)
def test_absent_keys_and_equal_email_addresses_do_not_collide(
    session: Session, table: str, change: Mapping[str, Any]
) -> None:
    row = {**ROWS[table], **change}
    assert insert(session, table, row).message == ""
    if "id" in change:
        row["id"] = OTHER
    assert insert(session, table, row).message == ""


# By name: the referencing table and columns, the referenced ones, and what a delete of the parent does.
FOREIGN_KEYS = {
    "api_usage_logs_job_id_fkey": "api_usage_logs (job_id) -> jobs (id): set null",
    "api_usage_logs_user_id_fkey": "api_usage_logs (user_id) -> users (id): set null",
    "credit_transactions_job_is_own": (
        "credit_transactions (job_id, user_id) -> jobs (id, user_id): no action"
    ),
    "credit_transactions_payment_is_own": (
        "credit_transactions (payment_id, user_id) -> payments (id, user_id): no action"
    ),
    "credit_transactions_user_id_fkey": "credit_transactions (user_id) -> users (id): no action",
    "jobs_user_id_fkey": "jobs (user_id) -> users (id): no action",
    "payments_package_id_fkey": "payments (package_id) -> credit_packages (id): no action",
    "payments_user_id_fkey": "payments (user_id) -> users (id): no action",
    "user_preferences_user_id_fkey": "user_preferences (user_id) -> users (id): cascade",
    "webhook_logs_job_id_fkey": "webhook_logs (job_id) -> jobs (id): set null",
    "webhook_logs_payment_id_fkey": "webhook_logs (payment_id) -> payments (id): set null",
}
DESCRIBED = """
    select k.conname, format(
        '%s (%s) -> %s (%s): %s', k.conrelid::regclass, pg_temp.names(k.conrelid, k.conkey),
        k.confrelid::regclass, pg_temp.names(k.confrelid, k.confkey),
        case k.confdeltype
            when 'a' then 'no action' when 'r' then 'restrict'
            when 'n' then 'set null' when 'c' then 'cascade'
        end
    ) as text
    from pg_constraint k where k.contype = 'f' and k.connamespace = 'public'::regnamespace
"""


def test_foreign_keys_are_exactly_these(session: Session) -> None:
    session.execute("""
        create function pg_temp.names(relation oid, numbers int2[]) returns text language sql as
        $$ select string_agg(a.attname, ', ' order by n.place)
           from unnest(numbers) with ordinality n (number, place)
           inner join pg_attribute a on a.attrelid = relation and a.attnum = n.number $$
    """)
    found = {row["conname"]: row["text"] for row in session.execute(DESCRIBED).rows}
    assert found == FOREIGN_KEYS


# What keeps a parent: the row that is made for a user who has nothing else, or nothing for rows of the world.
KEEPING = {
    "jobs_user_id_fkey": ("users", CAROL, f"insert into public.jobs (user_id) values ('{CAROL}')"),
    "payments_user_id_fkey": (
        "users",
        CAROL,
        f"""insert into public.payments (user_id, provider, amount_thb, credits_purchased)
            values ('{CAROL}', 'MANUAL', 99, 3)""",
    ),
    "credit_transactions_user_id_fkey": (
        "users",
        CAROL,
        f"select public.grant_credits('{CAROL}', 1, 'BONUS', null)",
    ),
    "credit_transactions_job_is_own": ("jobs", "a11ce000-0000-4000-8000-000000000103", "select"),
    "credit_transactions_payment_is_own": ("payments", "a11ce000-0000-4000-8000-000000000202", "select"),
}


@pytest.mark.parametrize("name", KEEPING)
def test_parent_with_money_or_work_cannot_be_deleted_even_by_the_owner(session: Session, name: str) -> None:
    table, parent, child = KEEPING[name]
    session.execute("insert into auth.users (id) values (%s)", [CAROL])
    session.execute(child)
    attempt = session.attempt(f"delete from public.{table} where id = %s", [parent])
    assert (attempt.outcome, attempt.sqlstate, attempt.constraint) == (Outcome.REJECTED, "23503", name)


def test_preferences_go_with_their_user(session: Session) -> None:
    session.execute("insert into auth.users (id) values (%s)", [CAROL])
    count = "select count(*) from public.user_preferences where user_id = %s"
    assert session.value(count, [CAROL]) == 1
    assert session.attempt("delete from public.users where id = %s", [CAROL]).rowcount == 1
    assert session.value(count, [CAROL]) == 0


@pytest.mark.parametrize(
    ("table", "column", "parents", "parent"),
    [
        ("webhook_logs", "job_id", "jobs", JOB),
        ("webhook_logs", "payment_id", "payments", PAYMENT),
        ("api_usage_logs", "job_id", "jobs", JOB),
        ("api_usage_logs", "user_id", "users", CAROL),
    ],
)
def test_log_outlives_what_it_tells_of(
    session: Session, table: str, column: str, parents: str, parent: str
) -> None:
    session.execute("insert into auth.users (id) values (%s)", [CAROL])
    insert(session, table, {**ROWS[table], column: parent})
    one = f"select count(*) from public.{table} where {column} = %s"
    assert session.value(one, [parent]) == 1
    before = session.value(f"select count(*) from public.{table} where {column} is null")
    assert session.attempt(f"delete from public.{parents} where id = %s", [parent]).rowcount == 1
    assert session.value(one, [parent]) == 0
    assert session.value(f"select count(*) from public.{table} where {column} is null") == before + 1


def test_entry_on_the_job_or_payment_of_somebody_else_is_refused(session: Session) -> None:
    entry = """
        insert into public.credit_transactions (user_id, type, amount, balance_after, {})
        values (%s, %s, %s, %s, %s)
    """
    credits = session.value("select credits from public.users where id = %s", [BOB])
    usage = session.attempt(entry.format("job_id"), [BOB, "USAGE", -1, credits - 1, JOB])
    purchase = session.attempt(entry.format("payment_id"), [BOB, "PURCHASE", 1, credits + 1, PAYMENT])
    assert [(a.sqlstate, a.constraint) for a in (usage, purchase)] == [
        ("23503", "credit_transactions_job_is_own"),
        ("23503", "credit_transactions_payment_is_own"),
    ]
    mine = session.value("select credits from public.users where id = %s", [ALICE])
    assert session.attempt(entry.format("job_id"), [ALICE, "USAGE", -1, mine - 1, JOB]).rowcount == 1
