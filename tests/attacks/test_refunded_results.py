"""A job that was refunded delivers no result, in whatever order work, writing and refund come."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE_JOBS, add_job, move_job, open_account, read_job

RESULTS = ("transcription_json", "analysis_json", "output_video_path", "thumbnail_path")
WRITE = """
    update public.jobs
    set transcription_json = '{"text": "x"}', analysis_json = '{"cuts": []}',
        output_video_path = user_id || '/out.mp4', thumbnail_path = user_id || '/out.webp'
    where id = %s
"""


def results(session: Session, persona: Persona, job: str) -> list[object]:
    """What its user reads of a job's results."""
    with session.act_as(persona):
        (row,) = session.execute(f"select {', '.join(RESULTS)} from public.jobs where id = %s", [job]).rows
    return list(row.values())


def cancel_by_user(session: Session, alice: Persona, job: str) -> None:
    move_job(session, job, "QUEUED")
    with session.act_as(alice):
        assert (
            session.attempt("update public.jobs set status = 'CANCELLED' where id = %s", [job]).rowcount == 1
        )


def fail(session: Session, alice: Persona, job: str) -> None:
    move_job(session, job, "FAILED")


def cancel_by_backend(session: Session, alice: Persona, job: str) -> None:
    move_job(session, job, "CANCELLED")


def close(session: Session, alice: Persona, job: str) -> None:
    with session.act_as(alice):
        session.execute("select public.close_my_account()")


ENDS = (cancel_by_user, fail, cancel_by_backend)


def at_work(session: Session, alice: Persona) -> str:
    """A job of Alice's with all its results, one step before its end."""
    job = ALICE_JOBS["RENDERING"]
    with session.as_owner():
        session.execute(WRITE, [job])
    assert None not in results(session, alice, job)
    return job


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_job_that_was_refunded_keeps_no_result(
    backend: Session, alice: Persona, end: Callable[[Session, Persona, str], None]
) -> None:
    job = at_work(backend, alice)
    end(backend, alice, job)
    assert results(backend, alice, job) == [None] * 4


def test_job_of_an_account_that_was_closed_at_work_keeps_no_result(backend: Session, alice: Persona) -> None:
    job = at_work(backend, alice)
    close(backend, alice, job)
    row = read_job(backend, job)
    assert (row["status"], [row[name] for name in RESULTS]) == ("CANCELLED", [None] * 4)


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_what_a_late_worker_writes_is_not_kept(
    backend: Session, alice: Persona, end: Callable[[Session, Persona, str], None]
) -> None:
    job = at_work(backend, alice)
    end(backend, alice, job)
    assert backend.execute(WRITE, [job]).rowcount == 1
    assert results(backend, alice, job) == [None] * 4


def test_job_in_the_queue_again_shows_nothing_that_its_user_could_read_and_then_cancel(
    backend: Session, alice: Persona
) -> None:
    job = at_work(backend, alice)
    move_job(backend, job, "QUEUED")
    assert results(backend, alice, job) == [None] * 4
    backend.execute(WRITE, [job])
    assert results(backend, alice, job) == [None] * 4


def test_job_that_was_paid_keeps_its_results(backend: Session) -> None:
    """The control."""
    user = open_account(backend, "payer", credits=1)
    job = add_job(backend, user.id, status="QUEUED")
    move_job(backend, job, "TRANSCRIBING", "ANALYZING", "RENDERING")
    backend.execute(WRITE, [job])
    move_job(backend, job, "COMPLETED")
    assert None not in results(backend, user, job)
