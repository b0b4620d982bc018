"""Old rows count as new ones do, and a clock that is set back breaks nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE_JOBS, add_job, open_account, read_books, read_job, triggers_asleep
from tests.shared.payments import SET_STATUS as SET_PAYMENT
from tests.shared.payments import buy

AGES = ("1 second", "25 hours", "3 years")
GRANT = "select public.grant_credits(%s, 2, 'BONUS', 'x', 'a key')"
CLAIM = "select id::text from public.claim_next_jobs('w', 1000, '1 hour')"
RECLAIM = "select id::text from public.reclaim_expired_jobs()"
FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def erin(backend: Session) -> Persona:
    return open_account(backend, "erin")


def make_older(session: Session, table: str, age: str) -> None:
    with session.as_owner():
        session.execute(f"alter table {table} disable trigger user")
        session.execute(f"update {table} set created_at = created_at - %s::interval", [age])
        session.execute(f"alter table {table} enable trigger user")
    with session.as_owner():
        for name in ("append_only", "keep_description") if "transactions" in table else ():
            session.execute(f"alter table {table} enable always trigger credit_transactions_{name}")


@pytest.mark.parametrize("age", AGES)
def test_key_of_a_grant_is_remembered(backend: Session, erin: Persona, age: str) -> None:
    first = backend.value(GRANT, [erin.id])
    make_older(backend, "public.credit_transactions", age)
    assert backend.value(GRANT, [erin.id]) == first
    assert read_books(backend, erin.id).entries == [("BONUS", 2, 2)]


@pytest.mark.parametrize("age", AGES)
def test_key_of_a_settlement_is_remembered(backend: Session, erin: Persona, age: str) -> None:
    payment = buy(backend, erin.id)
    for _ in range(3):
        add_job(backend, erin.id, status="QUEUED")
    backend.execute(SET_PAYMENT, ["REFUNDED", payment])
    settle = "select public.settle_debt(%s, 1, 'x', 'a key')"
    assert backend.value(settle, [erin.id]) == 2
    make_older(backend, "private.debts", age)
    assert backend.value(settle, [erin.id]) == 2


@pytest.mark.parametrize("age", AGES)
def test_key_of_a_partial_refund_is_remembered(backend: Session, erin: Persona, age: str) -> None:
    payment = buy(backend, erin.id, "Popular Pack")
    refund = "select public.refund_partially(%s, 2, 'x', 'a key')"
    assert backend.value(refund, [payment]) == 2
    make_older(backend, "private.partial_refunds", age)
    assert backend.value(refund, [payment]) == 0
    assert read_books(backend, erin.id).credits == 8


@pytest.mark.parametrize("age", AGES)
@pytest.mark.parametrize("retries", [0, 3])
def test_lease_that_ended_is_over_however_long_ago(backend: Session, age: str, retries: int) -> None:
    job = ALICE_JOBS["ANALYZING"]
    with triggers_asleep(backend):
        backend.execute(
            "update public.jobs set lease_expires_at = now() - %s::interval, max_retries = %s where id = %s",
            [age, retries, job],
        )
    assert [row["id"] for row in backend.execute(RECLAIM).rows] == [job]
    assert read_job(backend, job)["status"] == ("QUEUED" if retries else "FAILED")


@pytest.mark.parametrize("age", AGES)
def test_attempt_that_is_due_is_due_however_long(backend: Session, age: str) -> None:
    job = ALICE_JOBS["QUEUED"]
    with triggers_asleep(backend):
        backend.execute(
            "update public.jobs set retry_count = 1, next_attempt_at = now() - %s::interval where id = %s",
            [age, job],
        )
    assert job in {row["id"] for row in backend.execute(CLAIM).rows}


@pytest.mark.parametrize(
    ("status", "column", "to", "stamp"),
    [
        ("PENDING", "created_at", "QUEUED", "queued_at"),
        ("PENDING", "created_at", "CANCELLED", "completed_at"),
        ("QUEUED", "queued_at", "TRANSCRIBING", "started_at"),
        ("QUEUED", "queued_at", "CANCELLED", "completed_at"),
        ("TRANSCRIBING", "started_at", "QUEUED", "queued_at"),
        ("RENDERING", "started_at", "COMPLETED", "completed_at"),
        ("RENDERING", "started_at", "FAILED", "completed_at"),
    ],
)
def test_no_stamp_is_before_an_earlier_one(
    backend: Session, status: str, column: str, to: str, stamp: str
) -> None:
    """As if the clock had been set back after the earlier one."""
    job = ALICE_JOBS[status]
    with triggers_asleep(backend):
        backend.execute(f"update public.jobs set {column} = %s where id = %s", [FUTURE, job])
    moved = backend.attempt(
        "update public.jobs set status = %s, output_video_path = user_id || '/out.mp4' where id = %s",
        [to, job],
    )
    assert (moved.sqlstate, read_job(backend, job)[stamp]) == ("", FUTURE)


def test_no_view_leaves_out_a_state(session: Session, service: Persona) -> None:
    """Alice has a job in each."""
    with session.act_as(service):
        counts = session.execute("select status::text, job_count from public.job_queue_status").rows
        stats = session.execute("select * from public.user_stats where full_name = 'Alice'").rows[0]
    assert {row["status"]: row["job_count"] > 0 for row in counts} == dict.fromkeys(ALICE_JOBS, True)
    assert (stats["total_jobs"], stats["completed_jobs"], stats["failed_jobs"]) == (9, 1, 1)


@pytest.mark.parametrize("status", ALICE_JOBS)
def test_each_state_counts_its_own_jobs(session: Session, service: Persona, status: str) -> None:
    with session.act_as(service):
        count = f"select job_count from public.job_queue_status where status = '{status}'"
        truth = session.value(f"select count(*) from public.jobs where status = '{status}'")
        assert session.value(count) == truth


def test_jobs_that_wait_do_not_hide_one_that_is_due(backend: Session, erin: Persona) -> None:
    """They have a higher priority, and are more than the worker asks for."""
    backend.execute("select public.grant_credits(%s, 9, 'BONUS', 'x')", [erin.id])
    jobs = [add_job(backend, erin.id, status="QUEUED") for _ in range(6)]
    due = jobs.pop()
    with triggers_asleep(backend):
        backend.execute(
            "update public.jobs set status = 'CANCELLED', completed_at = now() where user_id <> %s", [erin.id]
        )
        backend.execute(
            "update public.jobs set retry_count = 1, priority = 50, next_attempt_at = now() + interval '1 h'"
            " where id = any(%s::uuid[])",
            [jobs],
        )
        backend.execute(
            "update public.jobs set retry_count = 1, next_attempt_at = now() - interval '1 s' where id = %s",
            [due],
        )
    claim = "select id::text from public.claim_next_jobs('w', 1, '1 hour')"
    assert [[row["id"] for row in backend.execute(claim).rows] for _ in range(2)] == [[due], []]


def test_old_jobs_do_not_hide_those_of_the_day(backend: Session, erin: Persona) -> None:
    """The day's jobs are counted, not the first that the user ever had."""
    for age in ("3 days", "1 hour"):
        with triggers_asleep(backend):
            backend.execute(
                "insert into public.jobs (user_id, status, created_at, completed_at)"
                " select %s, 'CANCELLED', now() - %s::interval, now() from generate_series(1, 200)",
                [erin.id, age],
            )
    assert backend.attempt("insert into public.jobs (user_id) values (%s)", [erin.id]).sqlstate == "PT429"
