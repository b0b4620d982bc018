"""Times are those of the statement and of the moment: a transaction may have begun long before."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import (
    ALICE,
    ALICE_JOBS,
    BOB,
    add_job,
    open_account,
    read_job,
    triggers_asleep,
)
from tests.shared.payments import ALICE_PAYMENTS

MOMENT = "select clock_timestamp()"
CLAIM = "select * from public.claim_next_jobs('w', 1000, '1 hour')"
RECLAIM = "select * from public.reclaim_expired_jobs()"
SET_JOB = "update public.jobs set status = %s, output_video_path = user_id || '/o.mp4' where id = %s"
SET_PAYMENT = """
    update public.payments
    set status = %s, provider_transaction_id = coalesce(provider_transaction_id, 'new') where id = %s
"""
BOBS_PAYMENT, BOBS_JOB = f"{BOB[:-3]}202", f"{BOB[:-3]}106"


def place(session: Session, job: str, assignment: str) -> None:
    with triggers_asleep(session):
        session.execute(f"update public.jobs set {assignment} where id = %s", [job])


def ids(session: Session, query: str) -> set[str]:
    return {str(row["id"]) for row in session.execute(query).rows}


@pytest.mark.parametrize("retries", [0, 3])
def test_lease_that_ended_after_the_transaction_began_is_over(backend: Session, retries: int) -> None:
    job = ALICE_JOBS["RENDERING"]
    place(backend, job, f"max_retries = {retries}, lease_expires_at = clock_timestamp()")
    assert ids(backend, RECLAIM) == {job}


def test_so_is_that_of_a_user_who_owes_credits(backend: Session) -> None:
    backend.execute("select public.grant_credits(%s, -5, 'ADJUSTMENT', 'Spent')", [BOB])
    backend.execute(SET_PAYMENT, ["REFUNDED", BOBS_PAYMENT])
    assert backend.value("select public.credits_owed(%s)", [BOB]) == 3
    place(backend, BOBS_JOB, "max_retries = 0, lease_expires_at = clock_timestamp()")
    assert ids(backend, RECLAIM) == {BOBS_JOB}


@pytest.mark.parametrize("reclaims", [False, True])
def test_retry_that_fell_due_after_the_transaction_began_is_due(backend: Session, *, reclaims: bool) -> None:
    job = ALICE_JOBS["QUEUED"]
    place(backend, job, "retry_count = 1, next_attempt_at = clock_timestamp()")
    if reclaims:
        backend.execute(RECLAIM)
        assert read_job(backend, job)["next_attempt_at"] is None
    assert job in ids(backend, CLAIM)


def test_lease_runs_from_the_statement(backend: Session) -> None:
    claim = "select id, attempt_token from public.claim_next_jobs('w', 1, '1 hour')"
    left = "select lease_expires_at - %s >= interval '1 hour' from public.jobs where id = %s"
    moment = backend.value(MOMENT)
    [(job, token)] = [tuple(row.values()) for row in backend.execute(claim).rows]
    assert backend.value(left, [moment, job])
    moment = backend.value(MOMENT)
    assert not backend.value(left, [moment, job])
    assert backend.value("select public.heartbeat_job(%s, %s, '1 hour')", [job, token])
    assert backend.value(left, [moment, job])


def test_tier_that_ended_after_the_transaction_began_has_ended(backend: Session) -> None:
    end = "subscription_tier = 'pro', subscription_expires_at = clock_timestamp()"
    backend.execute(f"update public.users set {end} where id = %s", [ALICE])
    assert ALICE in ids(backend, "select id from public.expiring_subscriptions('0')")
    assert ALICE in ids(backend, "select id from public.expire_subscriptions()")


def test_log_that_grew_old_after_the_transaction_began_is_purged(backend: Session) -> None:
    old = "clock_timestamp() - interval '30 days'"
    backend.execute(
        "insert into public.webhook_logs (provider, event_id, event_type, processed, created_at)"
        f" values ('stripe', 'old', 'old', true, {old})"
    )
    backend.execute(f"insert into public.api_usage_logs (api_provider, created_at) values ('openai', {old})")
    assert backend.value("select public.purge_logs('30 days')") == 2


def test_video_that_grew_old_after_the_transaction_began_is_listed(
    session: Session, service: Persona
) -> None:
    session.execute(
        "insert into storage.objects (bucket_id, name, created_at)"
        " values ('raw-videos', %s, clock_timestamp() - interval '1 day')",
        [f"{ALICE}/unused.mp4"],
    )
    with session.act_as(service):
        listed = session.execute("select name from public.objects_to_erase()").rows
    assert {"name": f"{ALICE}/unused.mp4"} in listed


def test_job_counts_for_a_day_up_to_the_statement(backend: Session) -> None:
    erin = open_account(backend, "erin")
    with triggers_asleep(backend):
        backend.execute(
            "insert into public.jobs (user_id, status, created_at, completed_at)"
            " select %s, 'CANCELLED', clock_timestamp() - interval '24 hours', now()"
            " from generate_series(1, 200)",
            [erin.id],
        )
    assert backend.attempt("insert into public.jobs (user_id) values (%s)", [erin.id]).sqlstate == ""


STAMPS = {
    "created_at of a job": ("insert into public.jobs (user_id) values (%s)", [ALICE], "jobs", "created_at"),
    **{
        f"{column} of a job": (SET_JOB, [status, ALICE_JOBS[before]], "jobs", column)
        for before, status, column in (
            ("PENDING", "UPLOADING", "updated_at"),
            ("PENDING", "QUEUED", "queued_at"),
            ("QUEUED", "TRANSCRIBING", "started_at"),
            ("RENDERING", "COMPLETED", "completed_at"),
        )
    },
    "created_at of a payment": (
        "insert into public.payments (user_id, provider, amount_thb, credits_purchased, status)"
        " values (%s, 'MANUAL', 9, 1, 'PENDING')",
        [ALICE], "payments", "created_at",
    ),
    "paid_at of a payment": (SET_PAYMENT, ["COMPLETED", ALICE_PAYMENTS["PENDING"]], "payments", "paid_at"),
    "refunded_at of a payment": (
        SET_PAYMENT, ["REFUNDED", ALICE_PAYMENTS["COMPLETED"]], "payments", "refunded_at"
    ),
    "updated_at of a user": (
        "update public.users set full_name = 'A' where id = %s", [ALICE], "users", "updated_at"
    ),
    "processed_at of a webhook": (
        "insert into public.webhook_logs (provider, event_id, event_type, processed)"
        " values ('stripe', %s, 'x', true)",
        ["new"], "webhook_logs", "processed_at",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", STAMPS)
def test_stamp_is_of_the_moment(backend: Session, what: str) -> None:
    statement, parameters, table, column = STAMPS[what]
    moment = backend.value(MOMENT)
    assert backend.attempt(statement, parameters).rowcount == 1
    assert backend.value(f"select max({column}) >= %s from public.{table}", [moment])


def test_account_is_closed_at_the_moment(session: Session, alice: Persona) -> None:
    moment = session.value(MOMENT)
    with session.act_as(alice):
        session.execute("select public.close_my_account()")
    assert session.value("select deleted_at >= %s from public.users where id = %s", [moment, ALICE])


def test_tier_that_ends_in_time_counts_at_the_moment_of_queueing(backend: Session) -> None:
    erin = open_account(backend, "erin", credits=1)
    end = "subscription_tier = 'pro', subscription_expires_at = clock_timestamp()"
    backend.execute(f"update public.users set {end} where id = %s", [erin.id])
    assert read_job(backend, add_job(backend, erin.id, status="QUEUED"))["priority"] == 0
