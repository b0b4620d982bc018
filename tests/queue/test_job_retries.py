"""Retries of a job: what starts over, how long it waits, how often it may; no credits move."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome
from tests.shared.accounts import ALICE, ALICE_JOBS, add_job, move_job, open_account, read_books, read_job

SET_STATUS = "update public.jobs set status = %s where id = %s"


@pytest.mark.parametrize("status", ["TRANSCRIBING", "ANALYZING", "RENDERING"])
def test_retry_starts_the_job_over_and_moves_no_credits(backend: Session, status: str) -> None:
    job, books = ALICE_JOBS[status], read_books(backend, ALICE)
    backend.execute(
        "update public.jobs set progress_percentage = 70, current_step = 'cutting' where id = %s", [job]
    )
    backend.execute(
        "update public.jobs set status = 'QUEUED', worker_id = 'me', lease_expires_at = now(),"
        " progress_percentage = 80, current_step = 'mine' where id = %s",
        [job],
    )
    after = read_job(backend, job)
    cleared = ("worker_id", "lease_expires_at", "started_at", "current_step")
    assert [after[name] for name in cleared] == [None] * len(cleared)
    assert (after["retry_count"], after["progress_percentage"]) == (1, 0)
    assert after["next_attempt_at"] - after["queued_at"] == timedelta(seconds=30)
    assert read_books(backend, ALICE) == books


def test_backoff_doubles_up_to_one_hour_and_ends_with_the_retries(backend: Session) -> None:
    erin = open_account(backend, "erin", credits=1)
    job = add_job(backend, erin.id, status="QUEUED")
    backend.execute("update public.jobs set max_retries = 10 where id = %s", [job])
    waits = []
    for attempt in range(1, 11):
        move_job(backend, job, "TRANSCRIBING", "QUEUED")
        after = read_job(backend, job)
        waits.append((after["next_attempt_at"] - after["queued_at"]).total_seconds())
        assert after["retry_count"] == attempt
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    move_job(backend, job, "TRANSCRIBING")
    assert backend.attempt(SET_STATUS, ["QUEUED", job]).sqlstate == "PT409"
    assert read_books(backend, erin.id).entries == [("BONUS", 1, 1), ("USAGE", -1, 0)]


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_retry_beyond_max_retries_is_a_conflict(backend: Session, max_retries: int) -> None:
    job = ALICE_JOBS["QUEUED"]
    backend.execute("update public.jobs set max_retries = %s where id = %s", [max_retries, job])
    move_job(backend, job, *["TRANSCRIBING", "QUEUED"] * max_retries, "TRANSCRIBING")
    before = read_job(backend, job)
    tried = backend.attempt(SET_STATUS, ["QUEUED", job])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    assert (before["retry_count"], read_job(backend, job)) == (max_retries, before)


def test_retry_count_sent_with_a_retry_is_ignored(backend: Session) -> None:
    job = ALICE_JOBS["TRANSCRIBING"]
    backend.execute("update public.jobs set status = 'QUEUED', retry_count = 3 where id = %s", [job])
    after = read_job(backend, job)
    assert (after["retry_count"], after["max_retries"]) == (1, 3)
    assert after["next_attempt_at"] - after["queued_at"] == timedelta(seconds=30)


def test_retry_may_be_allowed_by_the_statement_that_asks_for_it(backend: Session) -> None:
    job = ALICE_JOBS["TRANSCRIBING"]
    backend.execute("update public.jobs set max_retries = 0 where id = %s", [job])
    assert backend.attempt(SET_STATUS, ["QUEUED", job]).sqlstate == "PT409"
    query = "update public.jobs set status = 'QUEUED', max_retries = 1 where id = %s"
    assert backend.attempt(query, [job]).outcome is Outcome.ALLOWED
    assert read_job(backend, job)["retry_count"] == 1


def test_job_at_work_again_waits_for_no_next_attempt(backend: Session) -> None:
    job = ALICE_JOBS["TRANSCRIBING"]
    move_job(backend, job, "QUEUED")
    assert read_job(backend, job)["next_attempt_at"] is not None
    move_job(backend, job, "TRANSCRIBING")
    after = read_job(backend, job)
    assert after["next_attempt_at"] is None
    assert after["lease_expires_at"] - after["started_at"] == timedelta(minutes=15)
