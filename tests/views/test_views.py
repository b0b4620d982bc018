"""user_stats and job_queue_status: who sees what, exact sums, exact waits, no way to write through them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import add_job, move_job
from tests.shared.rows import ALICE, place_job, remove_jobs, triggers_asleep

CAROL = "ca201000-0000-4000-8000-000000000009"
STATUSES = [
    *("PENDING", "UPLOADING", "QUEUED", "TRANSCRIBING", "ANALYZING"),
    *("RENDERING", "COMPLETED", "FAILED", "CANCELLED"),
]


@pytest.fixture
def carol(session: Session) -> Persona:
    """A new user: no job, no ledger entry."""
    session.execute("insert into auth.users (id, email) values (%s, 'carol@example.com')", [CAROL])
    return Persona(name="carol", role="authenticated", claims={"sub": CAROL})


def grant(session: Session, *, amount: int, kind: str) -> None:
    session.execute("select public.grant_credits(%s, %s, %s, 'test')", [CAROL, amount, kind])


def run_job(session: Session, *, cost: int, end: str) -> None:
    """One of Carol's jobs, queued at a price and taken to its end by the triggers."""
    job = add_job(session, CAROL, cost=cost, status="QUEUED")
    move_job(session, job, "TRANSCRIBING", "ANALYZING", "RENDERING", end)


def stats(session: Session, user: str) -> dict[str, Any]:
    query = """
        select credits, total_jobs, completed_jobs, failed_jobs, total_credits_spent
        from public.user_stats where id = %s
    """
    return session.execute(query, [user]).rows[0]


def queue(session: Session) -> dict[str, tuple[int, Decimal | None]]:
    rows = session.execute("select * from public.job_queue_status").rows
    return {row["status"]: (row["job_count"], row["average_wait_seconds"]) for row in rows}


@pytest.mark.parametrize("view", ["user_stats", "job_queue_status"])
@pytest.mark.parametrize("persona", ["anon", "alice", "dave", "service"])
@pytest.mark.parametrize(
    "statement", ["update {} set {} = {}", "delete from {}", "insert into {} ({}) values ({})"]
)
def test_nothing_is_written_through_a_view(
    session: Session, personas: Mapping[str, Persona], view: str, persona: str, statement: str
) -> None:
    column, value = {"user_stats": ("credits", "9"), "job_queue_status": ("job_count", "9")}[view]
    with session.act_as(personas[persona]):
        attempt = session.attempt(statement.format(f"public.{view}", column, value))
    # 55000 comes before 42501: the rewriter finds the view not updatable before grants are looked at.
    assert attempt.sqlstate == "55000"
    writes = "has_any_column_privilege(%s, %s, 'insert, update') or has_table_privilege(%s, %s, 'delete')"
    role = personas[persona].role
    assert session.value(f"select {writes}", [role, f"public.{view}"] * 2) is False


def test_user_sees_her_own_row_alone(session: Session, alice: Persona) -> None:
    with session.act_as(alice):
        rows = session.execute(
            "select id::text, email, full_name, subscription_tier from public.user_stats"
        ).rows
    assert rows == [
        {"id": ALICE, "email": "alice@example.com", "full_name": "Alice", "subscription_tier": "free"}
    ]


def test_service_sees_every_live_user_and_no_closed_account(session: Session, service: Persona) -> None:
    with session.act_as(service):
        assert session.value("select array_agg(full_name order by full_name) from public.user_stats") == [
            "Alice",
            "Bob",
        ]
        assert session.value("select count(*) from public.users") == 3


def test_closed_account_sees_no_stats(session: Session, alice: Persona, dave: Persona) -> None:
    with session.act_as(dave):
        assert session.attempt("select * from public.user_stats").outcome is Outcome.FILTERED
    with session.act_as(alice):
        assert session.attempt("select * from public.user_stats").rowcount == 1


def test_user_without_jobs_has_zeros(session: Session, carol: Persona) -> None:
    with session.act_as(carol):
        assert list(stats(session, CAROL).values()) == [0, 0, 0, 0, 0]


def test_sums_are_not_multiplied_by_several_jobs_and_several_entries(
    session: Session, carol: Persona
) -> None:
    grant(session, amount=10, kind="BONUS")
    grant(session, amount=10, kind="BONUS")
    for cost in (2, 3, 5):
        run_job(session, cost=cost, end="COMPLETED")
    with session.act_as(carol):
        assert stats(session, CAROL) == {
            "credits": 10,
            "total_jobs": 3,
            "completed_jobs": 3,
            "failed_jobs": 0,
            "total_credits_spent": 10,
        }


def test_refunds_are_taken_off_and_cancelled_is_neither_completed_nor_failed(
    session: Session, carol: Persona
) -> None:
    grant(session, amount=20, kind="BONUS")
    for cost, end in ((2, "COMPLETED"), (3, "FAILED"), (4, "FAILED"), (5, "CANCELLED")):
        run_job(session, cost=cost, end=end)
    with session.act_as(carol):
        assert list(stats(session, CAROL).values()) == [18, 4, 1, 2, 2]


def test_bonus_adjustment_and_purchase_are_not_spending(session: Session, carol: Persona) -> None:
    grant(session, amount=7, kind="BONUS")
    grant(session, amount=-4, kind="ADJUSTMENT")
    payment = """
        insert into public.payments (user_id, provider, status, amount_thb, credits_purchased)
        values (%s, 'MANUAL', 'COMPLETED', 99, 3)
    """
    session.execute(payment, [CAROL])
    session.execute("update public.payments set status = 'REFUNDED' where user_id = %s", [CAROL])
    assert session.value("select count(*) from public.credit_transactions where user_id = %s", [CAROL]) == 4
    with session.act_as(carol):
        assert list(stats(session, CAROL).values()) == [3, 0, 0, 0, 0]


def test_queue_has_nine_rows_in_the_order_of_the_states_without_any_job(
    session: Session, service: Persona
) -> None:
    remove_jobs(session)
    with session.act_as(service):
        rows = session.execute("select * from public.job_queue_status").rows
    assert [tuple(row.values()) for row in rows] == [(status, 0, None) for status in STATUSES]


def test_queue_counts_the_jobs_of_all_users(session: Session, service: Persona) -> None:
    with session.act_as(service):
        rows = session.execute("select status, job_count from public.job_queue_status").rows
    assert [tuple(row.values()) for row in rows] == list(
        zip(STATUSES, [2, 1, 2, 1, 1, 2, 3, 1, 2], strict=True)
    )


def test_average_wait_runs_from_queue_to_start_or_now_or_end(session: Session, service: Persona) -> None:
    remove_jobs(session)
    begun = {"status": "TRANSCRIBING", "created_at": "-1 hour", "lease_expires_at": "1 hour"}
    place_job(session, **begun, queued_at="-60 seconds", started_at="-50 seconds")
    place_job(session, **begun, queued_at="-60 seconds", started_at="-39.5 seconds")
    place_job(session, status="QUEUED", created_at="-1 hour", queued_at="-30 seconds")
    ended = {"status": "CANCELLED", "created_at": "-1 hour"}
    place_job(session, **ended, queued_at="-600 seconds", completed_at="-593 seconds")
    with session.act_as(service):
        waits = queue(session)
    assert waits["TRANSCRIBING"] == (2, Decimal("15.250"))
    assert waits["QUEUED"] == (1, Decimal("30.000"))
    assert waits["CANCELLED"] == (1, Decimal("7.000"))


def test_jobs_never_queued_have_no_wait_and_do_not_dilute_that_of_others(
    session: Session, service: Persona
) -> None:
    remove_jobs(session)
    place_job(session, status="PENDING", created_at="-1 hour")
    place_job(session, status="FAILED", created_at="-1 hour", completed_at="-5 minutes")
    place_job(session, status="CANCELLED", created_at="-1 hour", completed_at="-5 minutes")
    queued = {"queued_at": "-20 seconds", "started_at": "-8 seconds", "completed_at": "-1 second"}
    place_job(session, status="CANCELLED", created_at="-1 hour", **queued)
    with session.act_as(service):
        waits = queue(session)
    assert waits["PENDING"] == (1, None)
    assert waits["FAILED"] == (1, None)
    assert waits["CANCELLED"] == (2, Decimal("12.000"))


def test_wait_is_never_negative_when_the_clock_was_set_back(session: Session, service: Persona) -> None:
    remove_jobs(session)
    place_job(session, status="QUEUED", created_at="0", queued_at="1 hour")
    place_job(session, status="QUEUED", created_at="-1 hour", queued_at="-10 seconds")
    with session.act_as(service):
        assert queue(session)["QUEUED"] == (2, Decimal("5.000"))


def test_queue_looks_at_the_thousand_jobs_of_a_status_queued_last(session: Session, service: Persona) -> None:
    remove_jobs(session)
    with triggers_asleep(session):
        session.execute(
            "insert into public.jobs (user_id, status, created_at, queued_at)"
            " select %s, 'QUEUED', now() - interval '1 day', now() - interval '1 second' * n"
            " from generate_series(1, 1200) as n",
            [ALICE],
        )
    place_job(session, status="PENDING", created_at="-1 hour")
    with session.act_as(service):
        waits = queue(session)
    # 1 to 1,000 seconds; the 200 that wait longest are not looked at.
    assert waits["QUEUED"] == (1000, Decimal("500.500"))
    assert waits["PENDING"] == (1, None)


def test_queue_reads_no_more_rows_of_a_long_history(session: Session, service: Persona) -> None:
    remove_jobs(session)
    read = """
        select (seq_tup_read + idx_tup_fetch)::int from pg_stat_xact_user_tables
        where relid = 'public.jobs'::regclass
    """
    with triggers_asleep(session):
        session.execute(
            "insert into public.jobs"
            " (user_id, status, progress_percentage, created_at, queued_at, started_at, completed_at)"
            " select %s, 'COMPLETED', 100, now(), now(), now(), now() from generate_series(1, 5000)",
            [ALICE],
        )
    session.execute("analyze public.jobs")
    before = session.value(read)
    with session.act_as(service):
        assert queue(session)["COMPLETED"][0] == 1000
    assert session.value(read) - before <= 1000
