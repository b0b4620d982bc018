"""The states of a job: every transition of the state table, by the backend and by users, and its stamps."""

from __future__ import annotations

from itertools import permutations

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import (
    ALICE,
    ALICE_JOBS,
    BOB,
    SET_STATUS,
    STATES,
    find_disagreements,
    read_books,
    read_job,
    tell_changes,
)

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


MOVE = "update public.jobs set status = %s where id = %s"


def test_the_table_of_transitions_is_whole() -> None:
    assert (len(LEGAL), len(ILLEGAL)) == (22, 50)


@pytest.mark.parametrize(("start", "end"), LEGAL)
def test_legal_transition_stamps_exactly_its_times(backend: Session, start: str, end: str) -> None:
    job = ALICE_JOBS[start]
    before, earliest = read_job(backend, job), backend.value("select clock_timestamp()")
    tried = backend.attempt(SET_STATUS, {"status": end, "job": job})
    after, latest = read_job(backend, job), backend.value("select clock_timestamp()")
    assert (tried.outcome, tried.rowcount, after["status"]) == (Outcome.ALLOWED, 1, end)
    changes = tell_changes(before, after)
    assert after["worker_id"] == (before["worker_id"] if after["lease_expires_at"] else None)
    assert changes == LEGAL[start, end]
    own_clock = [after[name] for name in ("queued_at", "started_at", "completed_at") if name in changes]
    assert all(earliest <= moment <= latest for moment in own_clock if moment)
    assert find_disagreements(backend) == []


@pytest.mark.parametrize(("start", "end"), ILLEGAL)
def test_illegal_transition_is_a_conflict_and_changes_nothing(backend: Session, start: str, end: str) -> None:
    job = ALICE_JOBS[start]
    before, books = read_job(backend, job), read_books(backend, ALICE)
    tried = backend.attempt(SET_STATUS, {"status": end, "job": job})
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    assert before["status"] == start
    assert (read_job(backend, job), read_books(backend, ALICE)) == (before, books)


@pytest.mark.parametrize("status", STATES)
def test_the_same_status_again_is_no_transition(backend: Session, status: str) -> None:
    job = ALICE_JOBS[status]
    before, books = read_job(backend, job), read_books(backend, ALICE)
    assert backend.attempt(MOVE, [status, job]).rowcount == 1
    after = read_job(backend, job)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert (after, read_books(backend, ALICE)) == (before, books)


@pytest.mark.parametrize("status", STATES)
def test_job_starts_only_as_pending_uploading_or_queued(backend: Session, status: str) -> None:
    query = """
        insert into public.jobs (
            user_id, status, input_video_path, worker_id, attempt_token, lease_expires_at
        ) values (%s, %s, %s, 'worker-1', gen_random_uuid(), now()) returning *
    """
    tried = backend.attempt(query, [BOB, status, f"{BOB}/in.mp4"])
    if status not in ("PENDING", "UPLOADING", "QUEUED"):
        assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
        return
    job = tried.rows[0]
    assert job["queued_at"] == (job["created_at"] if status == "QUEUED" else None)
    assert (job["status"], job["started_at"], job["completed_at"]) == (status, None, None)
    assert (job["worker_id"], job["attempt_token"], job["lease_expires_at"]) == (None, None, None)


@pytest.mark.parametrize(("start", "end"), PAIRS)
def test_user_moves_a_job_only_until_work_begins(
    session: Session, alice: Persona, start: str, end: str
) -> None:
    job = ALICE_JOBS[start]
    with session.act_as(alice):
        assert session.value("select status::text from public.jobs where id = %s", [job]) == start
        tried = session.attempt(MOVE, [end, job])
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
