"""Jobs that were paid for are worked on, also for a suspended account and after a refund of the payment."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import SERVICE, add_job, move_job, open_account, read_books, read_job
from tests.shared.payments import SET_STATUS, buy


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A user with five credits."""
    return open_account(backend, "erin", credits=5)


def claim(session: Session) -> list[str]:
    with session.act_as(SERVICE):
        query = "select id::text from public.claim_next_jobs('worker', 1000, '1 minute')"
        return [row["id"] for row in session.execute(query).rows]


def test_queue_of_a_suspended_account_is_processed(backend: Session, erin: Persona) -> None:
    paid, fails = (add_job(backend, erin.id, status="QUEUED", cost=2) for _ in range(2))
    suspend = "update public.users set is_active = false where id = %s"
    assert backend.execute(suspend, [erin.id]).rowcount == 1
    add = "insert into public.jobs (user_id, input_video_path) values (%s, %s)"
    assert backend.attempt(add, [erin.id, f"{erin.id}/new.mp4"]).sqlstate == "PT403"
    assert {paid, fails} <= set(claim(backend))
    move_job(backend, paid, "ANALYZING", "RENDERING", "COMPLETED")
    move_job(backend, fails, "FAILED")
    assert read_job(backend, paid)["status"] == "COMPLETED"
    assert read_books(backend, erin.id).credits == 3


def test_jobs_of_a_refunded_payment_go_on(backend: Session, erin: Persona) -> None:
    payment = buy(backend, erin.id)
    job = add_job(backend, erin.id, status="QUEUED", cost=8)
    backend.execute(SET_STATUS, ["REFUNDED", payment])
    assert job in claim(backend)
    move_job(backend, job, "ANALYZING", "RENDERING", "COMPLETED")
    assert backend.value("select public.credits_owed(%s)", [erin.id]) == 3
