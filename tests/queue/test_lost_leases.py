"""A worker that lost its lease changes nothing: a job that is over or queued belongs to no worker."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome
from tests.shared.accounts import BOB, move_job, read_job

WORKER = "worker-9"
CLAIM = "select id::text from public.claim_next_jobs(%s, 1, '1 hour')"
# What a worker writes: a heartbeat, a result, an end.
WRITES = [
    "lease_expires_at = now() + interval '1 hour'",
    "output_video_path = user_id || '/late.mp4'",
    "error_message = 'late', status = status",
]
ENDS = {
    "failed": ["FAILED"],
    "cancelled": ["CANCELLED"],
    "completed": ["ANALYZING", "RENDERING", "COMPLETED"],
    "requeued": ["QUEUED"],
    "failed after a retry": ["QUEUED", "FAILED"],
}


@pytest.mark.parametrize("end", ENDS)
def test_worker_back_from_the_dead_changes_no_row(backend: Session, end: str) -> None:
    job = backend.value(CLAIM, [WORKER])
    writes = [f"update public.jobs set {write} where id = %s and worker_id = %s" for write in WRITES]
    assert [backend.attempt(write, [job, WORKER]).rowcount for write in writes] == [1] * len(writes)
    move_job(backend, job, *ENDS[end])
    before = read_job(backend, job)
    assert (before["worker_id"], before["lease_expires_at"]) == (None, None)
    outcomes = [backend.attempt(write, [job, WORKER]).outcome for write in writes]
    assert outcomes == [Outcome.FILTERED] * len(writes)
    assert read_job(backend, job) == before


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING", "QUEUED"])
def test_new_job_has_neither_worker_nor_lease(backend: Session, status: str) -> None:
    job = backend.value(
        """
            insert into public.jobs (user_id, status, input_video_path, worker_id, lease_expires_at)
            values (%s, %s, %s, 'worker-9', now() + interval '1 hour') returning id::text
        """,
        [BOB, status, f"{BOB}/in.mp4"],
    )
    row = read_job(backend, job)
    assert (row["status"], row["worker_id"], row["lease_expires_at"]) == (status, None, None)


@pytest.mark.parametrize("lease", ["infinity", "-infinity"])
def test_lease_without_an_end_is_refused(backend: Session, lease: str) -> None:
    job = backend.value(CLAIM, [WORKER])
    attempt = backend.attempt("update public.jobs set lease_expires_at = %s where id = %s", [lease, job])
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.REJECTED, "23514")
    assert attempt.constraint == "jobs_at_work_has_lease"
