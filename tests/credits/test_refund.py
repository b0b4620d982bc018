"""A job's charge comes back once when the job fails or is cancelled, and only then."""

from __future__ import annotations

import pytest

from pgassay.database import Session
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

SET_STATUS = "update public.jobs set status = %s where id = %s"
ENDS = ["FAILED", "CANCELLED"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("start", ["QUEUED", "TRANSCRIBING", "ANALYZING", "RENDERING"])
def test_charged_job_is_refunded_once(backend: Session, start: str, end: str) -> None:
    job, before = ALICE_JOBS[start], read_books(backend, ALICE)
    for _ in range(2):
        assert backend.execute(SET_STATUS, [end, job]).rowcount == 1
    after = read_books(backend, ALICE)
    assert after.since(before) == [("REFUND", 1, before.credits + 1)]
    assert (after.credits, after.used) == (before.credits + 1, before.used - 1)
    query = "select type::text, amount from public.credit_transactions where job_id = %s order by id"
    assert [tuple(row.values()) for row in backend.execute(query, [job]).rows] == [
        ("USAGE", -1),
        ("REFUND", 1),
    ]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("start", ["PENDING", "UPLOADING"])
def test_job_that_was_never_charged_is_not_refunded(backend: Session, start: str, end: str) -> None:
    before = read_books(backend, ALICE)
    assert backend.execute(SET_STATUS, [end, ALICE_JOBS[start]]).rowcount == 1
    assert read_books(backend, ALICE) == before


def test_credits_given_for_a_job_by_hand_are_no_charge_of_it(backend: Session) -> None:
    job = ALICE_JOBS["PENDING"]
    with backend.as_owner():
        backend.execute("select private.post_entry(%s, 'REFUND', 1, job_id => %s)", [ALICE, job])
    before = read_books(backend, ALICE)
    assert backend.attempt(SET_STATUS, ["CANCELLED", job]).rowcount == 1
    assert read_books(backend, ALICE) == before


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("start", ["COMPLETED", "FAILED", "CANCELLED"])
def test_job_that_is_over_gives_nothing_back(backend: Session, start: str, end: str) -> None:
    before = read_books(backend, ALICE)
    tried = backend.attempt(SET_STATUS, [end, ALICE_JOBS[start]])
    assert tried.sqlstate == ("" if start == end else "PT409")
    assert read_books(backend, ALICE) == before


def test_completed_job_keeps_its_charge(backend: Session) -> None:
    before = read_books(backend, ALICE)
    move_job(backend, ALICE_JOBS["RENDERING"], "COMPLETED")
    assert read_books(backend, ALICE) == before


@pytest.mark.parametrize("end", ENDS)
def test_refund_is_what_the_ledger_says_was_taken(backend: Session, end: str) -> None:
    erin = open_account(backend, "erin", credits=10)
    job = add_job(backend, erin.id, status="QUEUED", cost=3)
    with triggers_asleep(backend):
        backend.execute("update public.jobs set credits_cost = 9 where id = %s", [job])
    move_job(backend, job, end)
    assert read_books(backend, erin.id).entries == [("BONUS", 10, 10), ("USAGE", -3, 7), ("REFUND", 3, 10)]


def test_job_that_was_retried_is_refunded_once(backend: Session) -> None:
    before = read_books(backend, ALICE)
    move_job(backend, ALICE_JOBS["RENDERING"], "QUEUED", "TRANSCRIBING", "QUEUED", "TRANSCRIBING", "FAILED")
    assert read_books(backend, ALICE).since(before) == [("REFUND", 1, before.credits + 1)]


def test_statement_over_many_jobs_refunds_each_charged_one(backend: Session) -> None:
    alice, bob = read_books(backend, ALICE), read_books(backend, BOB)
    query = """
        update public.jobs set status = 'CANCELLED'
        where status not in ('COMPLETED', 'FAILED', 'CANCELLED') and user_id in (%s, %s)
    """
    assert backend.execute(query, [ALICE, BOB]).rowcount == 9
    assert read_books(backend, ALICE).since(alice) == [("REFUND", 1, alice.credits + n) for n in range(1, 5)]
    assert read_books(backend, BOB).since(bob) == [("REFUND", 1, bob.credits + n) for n in range(1, 3)]


def test_browser_gets_its_credit_back_for_a_queued_job_only(session: Session, alice: Persona) -> None:
    before = read_books(session, ALICE)
    with session.act_as(alice):
        assert (
            session.attempt(SET_STATUS, ["CANCELLED", ALICE_JOBS["TRANSCRIBING"]]).outcome is Outcome.FILTERED
        )
        assert session.attempt(SET_STATUS, ["CANCELLED", ALICE_JOBS["PENDING"]]).rowcount == 1
    assert read_books(session, ALICE) == before
    with session.act_as(alice):
        assert session.attempt(SET_STATUS, ["CANCELLED", ALICE_JOBS["QUEUED"]]).rowcount == 1
    assert read_books(session, ALICE).since(before) == [("REFUND", 1, before.credits + 1)]


def test_suspended_user_still_gets_a_refund(backend: Session) -> None:
    before = read_books(backend, ALICE)
    backend.execute("update public.users set is_active = false where id = %s", [ALICE])
    move_job(backend, ALICE_JOBS["QUEUED"], "FAILED")
    assert read_books(backend, ALICE).since(before) == [("REFUND", 1, before.credits + 1)]


def test_refund_that_fails_leaves_the_job_as_it_was(backend: Session) -> None:
    job, entries = ALICE_JOBS["QUEUED"], read_books(backend, ALICE).entries
    with triggers_asleep(backend):
        # A balance that the refund would push over the range of an integer.
        backend.execute("update public.users set credits = 2147483647 where id = %s", [ALICE])
    before = read_job(backend, job)
    assert backend.attempt(SET_STATUS, ["FAILED", job]).sqlstate == "22003"
    assert (read_job(backend, job), read_books(backend, ALICE).entries) == (before, entries)
    with triggers_asleep(backend):
        backend.execute("update public.users set credits = %s where id = %s", [entries[-1][2], ALICE])
