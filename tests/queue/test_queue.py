"""The queue: who gets which job, for how long, and what becomes of the jobs of dead workers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pgassay.database import Database, Session, open_client
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import (
    ALICE,
    ALICE_JOBS,
    BOB,
    add_job,
    move_job,
    open_account,
    read_books,
    read_job,
    triggers_asleep,
)

CLAIM = "select * from public.claim_next_jobs(%s, %s, %s)"
RECLAIM = "select * from public.reclaim_expired_jobs()"
HOUR = timedelta(hours=1)
ALICE_QUEUED, BOB_QUEUED = ALICE_JOBS["QUEUED"], f"{BOB[:-3]}103"
AT_WORK = ["TRANSCRIBING", "ANALYZING", "RENDERING"]
BOUND = "jobs_worker_is_short"


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user with 10 credits, and a queue that is empty."""
    move_job(backend, ALICE_QUEUED, "CANCELLED")
    move_job(backend, BOB_QUEUED, "CANCELLED")
    return open_account(backend, "erin", credits=10)


def claim(session: Any, worker: str = "worker-9", *, count: int = 10) -> list[str]:
    """The ids of the jobs that a worker is handed, in order."""
    return [str(row["id"]) for row in session.execute(CLAIM, [worker, count, HOUR]).rows]


def reclaim(session: Any) -> list[str]:
    return sorted(str(row["id"]) for row in session.execute(RECLAIM).rows)


def expire(session: Session, job: str) -> None:
    session.execute(
        "update public.jobs set lease_expires_at = now() - interval '1 second' where id = %s", [job]
    )


def test_claimed_job_is_at_work_with_its_worker_and_lease(backend: Session) -> None:
    earliest = backend.value("select clock_timestamp()")
    rows = backend.execute(CLAIM, ["worker-9", 1, HOUR]).rows
    latest = backend.value("select clock_timestamp()")
    (job,) = rows
    assert job == read_job(backend, ALICE_QUEUED)
    assert (job["status"], job["worker_id"]) == ("TRANSCRIBING", "worker-9")
    assert earliest + HOUR <= job["lease_expires_at"] <= latest + HOUR
    assert earliest <= job["started_at"] <= latest


def test_claim_settles_nothing(backend: Session) -> None:
    """Claims and progress, the most frequent by far, end before debts are locked and jobs looked up."""
    locked = (
        "select count(*) from pg_locks where pid = pg_backend_pid() and mode = 'RowShareLock' "
        "and relation = 'public.payments'::regclass"
    )
    assert claim(backend, count=1) == [ALICE_QUEUED]
    assert backend.value(locked) == 0
    move_job(backend, ALICE_QUEUED, "CANCELLED")
    assert backend.value(locked) == 1


@pytest.mark.parametrize("count", [1, 6])
def test_highest_priority_comes_first_then_the_oldest_then_the_id(
    backend: Session, erin: Persona, count: int
) -> None:
    ids = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(6)]
    # id, priority, minutes in the queue
    places = [(4, 5, 1), (3, 5, 9), (1, 0, 99), (2, 0, 99), (0, 0, 50), (5, -1, 500)]
    for number, priority, _ in sorted(places):
        backend.execute(
            "insert into public.jobs (id, user_id, status, priority, input_video_path)"
            " values (%s, %s, 'QUEUED', %s, %s)",
            [ids[number], erin.id, priority, f"{erin.id}/in.mp4"],
        )
    with triggers_asleep(backend):
        for number, _, minutes in places:
            age = timedelta(minutes=minutes)
            backend.execute(
                "update public.jobs set created_at = now() - %s, queued_at = now() - %s where id = %s",
                [age, age, ids[number]],
            )
    handed = [job for _ in range(6 // count) for job in claim(backend, count=count)]
    assert handed == [ids[number] for number in (3, 4, 1, 2, 0, 5)]


def test_worker_gets_no_more_than_it_asks_for_and_no_job_twice(backend: Session, erin: Persona) -> None:
    jobs = {add_job(backend, erin.id, status="QUEUED") for _ in range(5)}
    handed = [claim(backend, f"worker-{n}", count=2) for n in range(4)]
    assert [len(batch) for batch in handed] == [2, 2, 1, 0]
    assert {job for batch in handed for job in batch} == jobs


@pytest.mark.parametrize(("minutes", "is_claimed"), [(5, False), (-5, True), (None, True)])
def test_job_waits_for_its_next_attempt(
    backend: Session, erin: Persona, minutes: int | None, is_claimed: bool
) -> None:
    job = add_job(backend, erin.id, status="QUEUED")
    moment = None if minutes is None else timedelta(minutes=minutes)
    backend.execute("update public.jobs set next_attempt_at = now() + %s where id = %s", [moment, job])
    assert claim(backend) == [job] * is_claimed
    assert (read_job(backend, job)["next_attempt_at"] is None) == is_claimed


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_jobs_whose_wait_is_over_stand_among_the_others(backend: Session, erin: Persona, count: int) -> None:
    ids = [add_job(backend, erin.id, status="QUEUED") for _ in range(6)]
    for job, priority in zip(ids, (50, 40, 40, 30, 30, 20), strict=True):
        backend.execute("update public.jobs set priority = %s where id = %s", [priority, job])
    for number in (1, 3, 5):
        wait = "update public.jobs set next_attempt_at = now() - interval '1 minute' where id = %s"
        backend.execute(wait, [ids[number]])
    handed = [claim(backend, count=count) for _ in range(6 // count)]
    assert [job for batch in handed for job in batch] == ids
    assert [len(batch) for batch in handed] == [count] * (6 // count)


@pytest.mark.parametrize("status", [status for status in ALICE_JOBS if status != "QUEUED"])
def test_job_that_is_not_queued_is_never_claimed(backend: Session, status: str) -> None:
    before = read_job(backend, ALICE_JOBS[status])
    assert claim(backend) == [ALICE_QUEUED, BOB_QUEUED]
    assert read_job(backend, ALICE_JOBS[status]) == before


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        *[(("w", 1, timedelta(seconds=1)), ""), (("w", 1000, timedelta(days=1)), "")],
        *[((None, 1, HOUR), "22023"), (("w", None, HOUR), "22023"), (("w", 1, None), "22023")],
        *[(("w", 0, HOUR), "22023"), (("w", -1, HOUR), "22023"), (("w", 1001, HOUR), "22023")],
        *[(("w", 1, timedelta(seconds=0.999)), "22023"), (("w", 1, timedelta(days=1, seconds=1)), "22023")],
        *[(("w", 1, -HOUR), "22023")],
    ],
)
def test_arguments_of_a_claim_have_limits(backend: Session, arguments: Any, sqlstate: str) -> None:
    tried = backend.attempt(CLAIM, arguments)
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED if sqlstate else Outcome.ALLOWED, sqlstate)
    assert read_job(backend, ALICE_QUEUED)["status"] == ("QUEUED" if sqlstate else "TRANSCRIBING")


@pytest.mark.parametrize(("worker", "constraint"), [("w" * 200, ""), ("w" * 201, BOUND), ("", BOUND)])
def test_name_of_a_worker_is_bounded(backend: Session, worker: str, constraint: str) -> None:
    refused = (Outcome.REJECTED, "23514", constraint) if constraint else (Outcome.ALLOWED, "", "")
    for tried in (
        backend.attempt(CLAIM, (worker, 1, HOUR)),
        backend.attempt("update public.jobs set worker_id = %s where id = %s", [worker, ALICE_QUEUED]),
    ):
        assert (tried.outcome, tried.sqlstate, tried.constraint) == refused


def test_shortest_name_of_a_worker_may_be_written_beside_what_is_checked_too(backend: Session) -> None:
    query = "update public.jobs set worker_id = 'w', credits_cost = 2 where id = %s"
    assert backend.attempt(query, [ALICE_JOBS["PENDING"]]).rowcount == 1


def test_job_of_a_worker_that_rolled_back_is_claimed_again(clone: Database, service: Persona) -> None:
    with open_client(clone) as one, open_client(clone) as two:
        with pytest.raises(ZeroDivisionError), one.request(service):
            assert claim(one, "one") == [ALICE_QUEUED, BOB_QUEUED]
            raise ZeroDivisionError
        with two.request(service):
            assert claim(two, "two") == [ALICE_QUEUED, BOB_QUEUED]


@pytest.mark.parametrize("status", AT_WORK)
def test_job_of_a_dead_worker_returns_to_the_queue(backend: Session, status: str) -> None:
    job, books = ALICE_JOBS[status], read_books(backend, ALICE)
    expire(backend, job)
    assert reclaim(backend) == [job]
    after = read_job(backend, job)
    assert (after["status"], after["retry_count"], after["worker_id"]) == ("QUEUED", 1, None)
    assert after["next_attempt_at"] - after["queued_at"] == timedelta(seconds=30)
    # What the lost attempt said and what it had asked of others is not the next one's.
    assert (after["error_message"], after["replicate_prediction_id"]) == (None, None)
    assert (reclaim(backend), read_books(backend, ALICE)) == ([], books)


def test_job_whose_lease_runs_is_left_alone(backend: Session) -> None:
    job = ALICE_JOBS["TRANSCRIBING"]
    backend.execute(
        "update public.jobs set lease_expires_at = now() + interval '1 minute' where id = %s", [job]
    )
    assert reclaim(backend) == []
    expire(backend, job)
    assert reclaim(backend) == [job]


@pytest.mark.parametrize("status", [status for status in ALICE_JOBS if status not in AT_WORK])
def test_job_that_is_not_at_work_is_never_reclaimed(backend: Session, status: str) -> None:
    expire(backend, ALICE_JOBS[status])
    before = read_job(backend, ALICE_JOBS[status])
    assert reclaim(backend) == []
    assert read_job(backend, ALICE_JOBS[status]) == before


@pytest.mark.parametrize("status", AT_WORK)
def test_job_without_retries_left_fails_with_one_refund(backend: Session, status: str) -> None:
    job, before = ALICE_JOBS[status], read_books(backend, ALICE)
    backend.execute("update public.jobs set max_retries = 0 where id = %s", [job])
    expire(backend, job)
    assert (reclaim(backend), reclaim(backend)) == ([job], [])
    after = read_job(backend, job)
    assert (after["status"], after["retry_count"], after["worker_id"]) == ("FAILED", 0, None)
    assert after["error_message"] == "the worker stopped answering"
    assert read_books(backend, ALICE).since(before) == [("REFUND", 1, before.credits + 1)]


def test_one_sweep_retries_some_jobs_and_fails_others(backend: Session) -> None:
    alice, bob = read_books(backend, ALICE), read_books(backend, BOB)
    retried, failed, bobs = ALICE_JOBS["ANALYZING"], ALICE_JOBS["RENDERING"], f"{BOB[:-3]}106"
    for job in (retried, failed, bobs):
        expire(backend, job)
    backend.execute("update public.jobs set max_retries = 0 where id in (%s, %s)", [failed, bobs])
    assert reclaim(backend) == sorted([retried, failed, bobs])
    statuses = [read_job(backend, job)["status"] for job in (retried, failed, bobs)]
    assert statuses == ["QUEUED", "FAILED", "FAILED"]
    assert read_books(backend, ALICE).since(alice) == [("REFUND", 1, alice.credits + 1)]
    assert read_books(backend, BOB).since(bob) == [("REFUND", 1, bob.credits + 1)]


def test_worker_whose_lease_was_taken_over_changes_no_row(backend: Session, erin: Persona) -> None:
    job = add_job(backend, erin.id, status="QUEUED")
    heartbeat = "update public.jobs set progress_percentage = 10 where id = %s and worker_id = %s"
    assert claim(backend, "old") == [job]
    assert backend.attempt(heartbeat, [job, "old"]).rowcount == 1
    expire(backend, job)
    assert reclaim(backend) == [job]
    assert backend.attempt(heartbeat, [job, "old"]).outcome is Outcome.FILTERED
    backend.execute("update public.jobs set next_attempt_at = null where id = %s", [job])
    assert claim(backend, "new") == [job]
    assert backend.attempt(heartbeat, [job, "old"]).rowcount == 0
    assert backend.attempt(heartbeat, [job, "new"]).rowcount == 1
    assert read_books(backend, erin.id).entries == [("BONUS", 10, 10), ("USAGE", -1, 9)]
