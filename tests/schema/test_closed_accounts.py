"""Suspended and closed accounts: what still happens, and what it takes to come back."""

from __future__ import annotations

import pytest
from accounts import SERVICE, add_job, move_job, open_account, read_books, read_job, read_user
from payments import SET_STATUS, buy

from pgassay.database import Session
from pgassay.observation import Persona


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A user with five credits, two of them spent on a job that waits."""
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


CLOSED = {
    "deleted": (
        "delete from auth.users where id = %(u)s",
        "insert into auth.users (id, email) values (%(u)s, 'new@example.com')",
    ),
    "deleted softly": (
        "update auth.users set deleted_at = now() where id = %(u)s",
        "update auth.users set deleted_at = null, email = 'new@example.com' where id = %(u)s",
    ),
}


@pytest.mark.parametrize("how", CLOSED)
def test_closed_account_stays_closed_until_support_opens_it(
    backend: Session, erin: Persona, how: str
) -> None:
    user = {"u": erin.id}
    with backend.as_owner():
        for statement in CLOSED[how]:
            undone = backend.attempt(statement, user)
            assert undone.sqlstate == ""
        login = backend.attempt("update auth.users set last_sign_in_at = now() where id = %(u)s", user)
    warning = f"account {erin.id} is closed and stays closed"
    assert [warning in " ".join(attempt.notices) for attempt in (undone, login)] == [True, True]
    closed = read_user(backend, erin.id)
    assert (closed["is_active"], closed["email"], closed["last_login_at"]) == (False, None, None)
    with backend.act_as(erin):
        assert backend.execute("select from public.users").rows == []
    assert backend.value("select public.reopen_account(%s)", [erin.id]) is True
    opened = read_user(backend, erin.id)
    assert (opened["is_active"], opened["email"], opened["deleted_at"]) == (True, "new@example.com", None)
    # What was erased stays erased, what was paid stays.
    assert (opened["full_name"], read_books(backend, erin.id).credits) == (None, 5)
    assert backend.value("select public.reopen_account(%s)", [erin.id]) is False


@pytest.mark.parametrize("how", CLOSED)
def test_account_without_a_sign_in_is_not_opened(backend: Session, erin: Persona, how: str) -> None:
    with backend.as_owner():
        backend.execute(CLOSED[how][0], {"u": erin.id})
    assert backend.value("select public.reopen_account(%s)", [erin.id]) is False
    assert read_user(backend, erin.id)["deleted_at"] is not None
