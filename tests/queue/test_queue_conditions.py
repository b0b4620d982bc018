"""A job is queued only with all that it needs, and from then on some columns are frozen."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, BOB, STATES, read_books, read_job

MOVE = "update public.jobs set status = 'QUEUED' where id = %s"
NEW = "insert into public.jobs (user_id, status, input_video_path) values (%s, %s, %s)"
UNPAID = ["PENDING", "UPLOADING"]


@pytest.mark.parametrize("name", ["alice", "service"])
@pytest.mark.parametrize("status", UNPAID)
def test_job_without_its_video_is_not_queued(
    session: Session, personas: dict[str, Persona], name: str, status: str
) -> None:
    job, before = ALICE_JOBS[status], read_books(session, ALICE)
    with session.act_as(personas[name]):
        session.execute("update public.jobs set input_video_path = null where id = %s", [job])
        tried = session.attempt(MOVE, [job])
        assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
        assert session.attempt(NEW, [ALICE, "QUEUED", None]).sqlstate == "PT409"
        assert session.attempt(NEW, [ALICE, status, None]).rowcount == 1
    assert read_books(session, ALICE) == before
    with session.act_as(personas[name]):
        # Video and state in one statement will do.
        query = "update public.jobs set status = 'QUEUED', input_video_path = %s where id = %s"
        assert session.attempt(query, [f"{ALICE}/in.mp4", job]).rowcount == 1
    assert read_books(session, ALICE).since(before) == [("USAGE", -1, before.credits - 1)]


@pytest.mark.parametrize("value", [f"{ALICE}/other.mp4", None])
@pytest.mark.parametrize("status", STATES)
def test_video_is_frozen_once_a_job_is_queued(backend: Session, status: str, value: str | None) -> None:
    job = ALICE_JOBS[status]
    before = read_job(backend, job)
    tried = backend.attempt("update public.jobs set input_video_path = %s where id = %s", [value, job])
    # Erasure empties the path of what is over.
    is_free = status in UNPAID or (status in ("COMPLETED", "FAILED", "CANCELLED") and value is None)
    assert tried.sqlstate == ("" if is_free else "PT409")
    assert read_job(backend, job)["input_video_path"] == (value if is_free else before["input_video_path"])


def test_user_changes_the_video_of_no_queued_job(session: Session, alice: Persona) -> None:
    change = "update public.jobs set input_video_path = %s where id = %s"
    with session.act_as(alice):
        assert session.attempt(change, [f"{ALICE}/b.mp4", ALICE_JOBS["QUEUED"]]).sqlstate == "PT409"
        assert session.attempt(change, [f"{ALICE}/b.mp4", ALICE_JOBS["PENDING"]]).rowcount == 1
        assert session.attempt(change, [f"{BOB}/b.mp4", ALICE_JOBS["PENDING"]]).sqlstate == "23514"


def test_video_and_price_go_not_with_the_step_into_work(backend: Session) -> None:
    job = ALICE_JOBS["QUEUED"]
    for change in ("input_video_path = user_id || '/b.mp4'", "credits_cost = 2"):
        query = f"update public.jobs set status = 'TRANSCRIBING', {change} where id = %s"
        assert backend.attempt(query, [job]).sqlstate == "PT409"
    assert (
        backend.attempt("update public.jobs set status = 'TRANSCRIBING' where id = %s", [job]).rowcount == 1
    )


@pytest.mark.parametrize("status", UNPAID)
def test_backend_sets_the_price_before_the_client_pays_it(
    session: Session, alice: Persona, service: Persona, status: str
) -> None:
    """Flat by default; another one is the backend's to set while the job waits, and the client pays that."""
    job, before = ALICE_JOBS[status], read_books(session, ALICE)
    with session.act_as(service):
        session.execute("update public.jobs set credits_cost = 3 where id = %s", [job])
    with session.act_as(alice):
        assert session.attempt(MOVE, [job]).rowcount == 1
        assert session.attempt(NEW, [ALICE, "QUEUED", f"{ALICE}/in.mp4"]).rowcount == 1
    expected = [("USAGE", -3, before.credits - 3), ("USAGE", -1, before.credits - 4)]
    assert read_books(session, ALICE).since(before) == expected
