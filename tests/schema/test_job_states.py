"""The states of a job: every transition of the state table, the stamps, what is frozen, and retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from accounts import (
    ALICE,
    ALICE_JOBS,
    BOB,
    STATES,
    add_job,
    find_disagreements,
    move_job,
    open_account,
    read_books,
    read_job,
    triggers_asleep,
)

from pgassay.database import Session
from pgassay.observation import Outcome, Persona

STAMPS = ("created_at", "queued_at", "started_at", "completed_at", "lease_expires_at", "next_attempt_at")

ENDED = {"completed_at": "set"}
ENDED_AT_WORK = {"completed_at": "set", "lease_expires_at": "cleared"}
RETRIED = {
    "queued_at": "moved",
    "started_at": "cleared",
    "lease_expires_at": "cleared",
    "next_attempt_at": "set",
}
LEGAL: dict[tuple[str, str], dict[str, str]] = {
    ("PENDING", "UPLOADING"): {},
    ("PENDING", "QUEUED"): {"queued_at": "set"},
    ("PENDING", "CANCELLED"): ENDED,
    ("PENDING", "FAILED"): ENDED,
    ("UPLOADING", "QUEUED"): {"queued_at": "set"},
    ("UPLOADING", "CANCELLED"): ENDED,
    ("UPLOADING", "FAILED"): ENDED,
    ("QUEUED", "TRANSCRIBING"): {"started_at": "set", "lease_expires_at": "set"},
    ("QUEUED", "CANCELLED"): ENDED,
    ("QUEUED", "FAILED"): ENDED,
    ("TRANSCRIBING", "ANALYZING"): {},
    ("TRANSCRIBING", "QUEUED"): RETRIED,
    ("TRANSCRIBING", "FAILED"): ENDED_AT_WORK,
    ("TRANSCRIBING", "CANCELLED"): ENDED_AT_WORK,
    ("ANALYZING", "RENDERING"): {},
    ("ANALYZING", "QUEUED"): RETRIED,
    ("ANALYZING", "FAILED"): ENDED_AT_WORK,
    ("ANALYZING", "CANCELLED"): ENDED_AT_WORK,
    ("RENDERING", "COMPLETED"): ENDED_AT_WORK,
    ("RENDERING", "QUEUED"): RETRIED,
    ("RENDERING", "FAILED"): ENDED_AT_WORK,
    ("RENDERING", "CANCELLED"): ENDED_AT_WORK,
}
PAIRS = list(permutations(STATES, 2))
ILLEGAL = [pair for pair in PAIRS if pair not in LEGAL]

USERS_OWN = {
    ("PENDING", "UPLOADING"),
    ("PENDING", "QUEUED"),
    ("PENDING", "CANCELLED"),
    ("UPLOADING", "QUEUED"),
    ("UPLOADING", "CANCELLED"),
    ("QUEUED", "CANCELLED"),
}
USERS_BACKWARDS = {("UPLOADING", "PENDING"), ("QUEUED", "PENDING"), ("QUEUED", "UPLOADING")}

SET_STATUS = "update public.jobs set status = %s where id = %s"


@pytest.fixture
def backend(session: Session, service: Persona) -> Session:
    """The test's session, acting as service_role."""
    session.act_as(service)
    return session


def tell_changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """What became of the stamps that differ: set, moved or cleared."""
    return {
        name: "set" if before[name] is None else "cleared" if after[name] is None else "moved"
        for name in STAMPS
        if before[name] != after[name]
    }


def test_the_table_of_transitions_is_whole() -> None:
    assert (len(LEGAL), len(ILLEGAL)) == (22, 50)


@pytest.mark.parametrize(("start", "end"), LEGAL)
def test_legal_transition_stamps_exactly_its_times(backend: Session, start: str, end: str) -> None:
    job = ALICE_JOBS[start]
    before, earliest = read_job(backend, job), backend.value("select clock_timestamp()")
    tried = backend.attempt(SET_STATUS, [end, job])
    after, latest = read_job(backend, job), backend.value("select clock_timestamp()")
    assert (tried.outcome, tried.rowcount, after["status"]) == (Outcome.ALLOWED, 1, end)
    changes = tell_changes(before, after)
    assert changes == LEGAL[start, end]
    own_clock = [after[name] for name in ("queued_at", "started_at", "completed_at") if name in changes]
    assert all(earliest <= moment <= latest for moment in own_clock if moment)
    assert find_disagreements(backend) == []


@pytest.mark.parametrize(("start", "end"), ILLEGAL)
def test_illegal_transition_is_a_conflict_and_changes_nothing(backend: Session, start: str, end: str) -> None:
    job = ALICE_JOBS[start]
    before, books = read_job(backend, job), read_books(backend, ALICE)
    tried = backend.attempt(SET_STATUS, [end, job])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    assert before["status"] == start
    assert (read_job(backend, job), read_books(backend, ALICE)) == (before, books)


@pytest.mark.parametrize("status", STATES)
def test_the_same_status_again_is_no_transition(backend: Session, status: str) -> None:
    job = ALICE_JOBS[status]
    before, books = read_job(backend, job), read_books(backend, ALICE)
    assert backend.attempt(SET_STATUS, [status, job]).rowcount == 1
    after = read_job(backend, job)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert (after, read_books(backend, ALICE)) == (before, books)


@pytest.mark.parametrize("status", STATES)
def test_job_starts_only_as_pending_uploading_or_queued(backend: Session, status: str) -> None:
    query = "insert into public.jobs (user_id, status, lease_expires_at) values (%s, %s, now()) returning *"
    tried = backend.attempt(query, [BOB, status])
    if status not in ("PENDING", "UPLOADING", "QUEUED"):
        assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
        return
    job = tried.rows[0]
    assert job["queued_at"] == (job["created_at"] if status == "QUEUED" else None)
    assert (job["status"], job["started_at"], job["completed_at"]) == (status, None, None)


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_user_moves_a_job_only_until_work_begins(
    session: Session, alice: Persona, start: str, end: str
) -> None:
    job = ALICE_JOBS[start]
    with session.act_as(alice):
        assert session.value("select status::text from public.jobs where id = %s", [job]) == start
        tried = session.attempt(SET_STATUS, [end, job])
    if (start, end) in USERS_OWN:
        expected = (Outcome.ALLOWED, "")
    elif start not in ("PENDING", "UPLOADING", "QUEUED"):
        expected = (Outcome.FILTERED, "")
    elif (start, end) in USERS_BACKWARDS:
        expected = (Outcome.REJECTED, "PT409")
    else:
        refused_by_policy = (start, end) in LEGAL
        expected = (Outcome.DENIED_POLICY if refused_by_policy else Outcome.REJECTED, "42501")
    assert (tried.outcome, tried.sqlstate) == expected
    assert read_job(session, job)["status"] == (end if expected[0] is Outcome.ALLOWED else start)


@pytest.mark.parametrize(("column", "value"), [("id", ALICE), ("user_id", BOB)])
@pytest.mark.parametrize("status", STATES)
def test_id_and_owner_of_a_job_never_change(backend: Session, status: str, column: str, value: str) -> None:
    # The path would hold the job at its owner too; without one only the trigger does.
    job = ALICE_JOBS[status]
    query = (
        f"update public.jobs set {column} = %s, input_video_path = null, output_video_path = null,"
        " thumbnail_path = null where id = %s"
    )
    tried = backend.attempt(query, [value, job])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    assert backend.attempt(query, [read_job(backend, job)[column], job]).outcome is Outcome.ALLOWED


@pytest.mark.parametrize("status", STATES)
def test_cost_is_frozen_once_a_job_is_queued(backend: Session, status: str) -> None:
    tried = backend.attempt(
        "update public.jobs set credits_cost = 2 where id = %s returning credits_cost", [ALICE_JOBS[status]]
    )
    if status in ("PENDING", "UPLOADING"):
        assert tried.rows == [{"credits_cost": 2}]
    else:
        assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")


@pytest.mark.parametrize(
    ("assignment", "sqlstate"),
    [
        ("progress_percentage = 59", "PT409"),
        ("progress_percentage = 60", ""),
        ("progress_percentage = 61", ""),
        ("progress_percentage = 59, status = 'FAILED'", "PT409"),
        ("progress_percentage = 59, status = 'QUEUED'", ""),
    ],
)
def test_progress_never_falls_within_an_attempt(backend: Session, assignment: str, sqlstate: str) -> None:
    job = ALICE_JOBS["RENDERING"]
    assert read_job(backend, job)["progress_percentage"] == 60
    assert backend.attempt(f"update public.jobs set {assignment} where id = %s", [job]).sqlstate == sqlstate


@pytest.mark.parametrize("sent", [60, 99])
def test_completed_job_has_progress_100(backend: Session, sent: int) -> None:
    job = ALICE_JOBS["RENDERING"]
    backend.execute(
        "update public.jobs set status = 'COMPLETED', progress_percentage = %s where id = %s", [sent, job]
    )
    assert read_job(backend, job)["progress_percentage"] == 100


def test_times_sent_with_a_new_job_are_ignored(backend: Session) -> None:
    sent = datetime(2001, 2, 3, tzinfo=UTC)
    earliest = backend.value("select clock_timestamp()")
    query = """
        insert into public.jobs (user_id, created_at, updated_at, queued_at, started_at, completed_at)
        values (%(user)s, %(sent)s, %(sent)s, %(sent)s, %(sent)s, %(sent)s) returning *
    """
    job = backend.execute(query, {"user": BOB, "sent": sent}).rows[0]
    assert earliest <= job["created_at"] == job["updated_at"]
    assert (job["queued_at"], job["started_at"], job["completed_at"]) == (None, None, None)


@pytest.mark.parametrize("status", STATES)
def test_times_sent_with_an_update_are_ignored(backend: Session, status: str) -> None:
    job, sent = ALICE_JOBS[status], datetime(2001, 2, 3, tzinfo=UTC)
    before = read_job(backend, job)
    query = """
        update public.jobs
        set job_name = 'Renamed', created_at = %(sent)s, queued_at = %(sent)s, started_at = %(sent)s,
            completed_at = %(sent)s, updated_at = %(sent)s
        where id = %(job)s
    """
    assert backend.execute(query, {"job": job, "sent": sent}).rowcount == 1
    after = read_job(backend, job)
    assert (after["job_name"], tell_changes(before, after)) == ("Renamed", {})
    assert after["updated_at"] > before["updated_at"]


@pytest.mark.parametrize(
    ("start", "end", "column"),
    [
        ("PENDING", "QUEUED", "queued_at"),
        ("QUEUED", "TRANSCRIBING", "started_at"),
        ("RENDERING", "COMPLETED", "completed_at"),
    ],
)
def test_time_sent_with_a_transition_is_ignored(backend: Session, start: str, end: str, column: str) -> None:
    earliest = backend.value("select clock_timestamp()")
    query = f"update public.jobs set status = %s, {column} = '2100-01-01' where id = %s returning {column}"
    stamped = backend.value(query, [end, ALICE_JOBS[start]])
    assert earliest <= stamped <= backend.value("select clock_timestamp()")


def test_stamps_stay_in_order_when_the_clock_was_set_back(backend: Session) -> None:
    job, future = ALICE_JOBS["QUEUED"], datetime(2100, 1, 1, tzinfo=UTC)
    with triggers_asleep(backend):
        backend.execute("update public.jobs set queued_at = %s where id = %s", [future, job])
    move_job(backend, job, "TRANSCRIBING", "FAILED")
    after = read_job(backend, job)
    assert (after["queued_at"], after["started_at"], after["completed_at"]) == (future, future, future)


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


def test_job_at_work_again_waits_for_no_next_attempt(backend: Session) -> None:
    job = ALICE_JOBS["TRANSCRIBING"]
    move_job(backend, job, "QUEUED")
    assert read_job(backend, job)["next_attempt_at"] is not None
    move_job(backend, job, "TRANSCRIBING")
    after = read_job(backend, job)
    assert after["next_attempt_at"] is None
    assert after["lease_expires_at"] - after["started_at"] == timedelta(minutes=15)
