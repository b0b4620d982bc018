"""Statements over several users, and amounts that come in parts: each counts, and all together."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE, BOB, add_job, move_job, open_account, read_books
from tests.shared.payments import SET_STATUS as SET_PAYMENT
from tests.shared.payments import buy

OWED = "select public.credits_owed(%s)"
UNPAID = "insert into public.jobs (user_id) select %s from generate_series(1, %s)"


@pytest.fixture
def erin(backend: Session) -> Persona:
    return open_account(backend, "erin")


@pytest.fixture
def frank(backend: Session) -> Persona:
    return open_account(backend, "frank")


def test_full_refund_takes_what_several_partial_ones_left(backend: Session, erin: Persona) -> None:
    payment = buy(backend, erin.id, "Popular Pack")
    for credits in (2, 3):
        backend.execute(
            "select public.refund_partially(%s, %s, 'x', %s)", [payment, credits, f"part {credits}"]
        )
    backend.execute(SET_PAYMENT, ["REFUNDED", payment])
    assert [amount for _, amount, _ in read_books(backend, erin.id).entries] == [10, -2, -3, -5]
    assert backend.value(OWED, [erin.id]) == 0


def test_debt_that_was_recovered_in_parts_is_recovered_once(backend: Session, erin: Persona) -> None:
    """Two of the five credits were given: they stay."""
    backend.execute("select public.grant_credits(%s, 2, 'BONUS', 'x')", [erin.id])
    payment = buy(backend, erin.id)
    jobs = [add_job(backend, erin.id, status="QUEUED") for _ in range(5)]
    backend.execute(SET_PAYMENT, ["REFUNDED", payment])
    owed = []
    for job in jobs:
        move_job(backend, job, "CANCELLED")
        told = backend.value(
            "select (metadata ->> 'shortfall')::integer from public.payments where id = %s", [payment]
        )
        owed.append((backend.value(OWED, [erin.id]), told, read_books(backend, erin.id).credits))
    assert owed == [(2, 2, 0), (1, 1, 0), (0, 0, 0), (0, 0, 1), (0, 0, 2)]


@pytest.mark.parametrize(("credits", "sqlstate"), [(3, "PT402"), (4, "")])
def test_jobs_of_one_statement_are_paid_together(backend: Session, credits: int, sqlstate: str) -> None:
    user = open_account(backend, "saver", credits=credits)
    queued = backend.attempt(
        "insert into public.jobs (user_id, status, credits_cost, input_video_path)"
        " select %s, 'QUEUED', 2, %s from generate_series(1, 2)",
        [user.id, f"{user.id}/in.mp4"],
    )
    books = read_books(backend, user.id)
    assert queued.sqlstate == sqlstate
    assert (books.credits, books.used) == ((3, 0) if sqlstate else (0, 4))


@pytest.mark.parametrize("cost", [1, 3])
@pytest.mark.parametrize("end", ["FAILED", "CANCELLED", "reclaimed"])
def test_refund_after_retries_is_the_whole_charge(backend: Session, cost: int, end: str) -> None:
    user = open_account(backend, "patient", credits=5)
    job = add_job(backend, user.id, status="QUEUED", cost=cost)
    for _ in range(2):
        move_job(backend, job, "TRANSCRIBING", "ANALYZING", "QUEUED")
    move_job(backend, job, "TRANSCRIBING")
    if end == "reclaimed":
        backend.execute(
            "update public.jobs set max_retries = 2, lease_expires_at = now() - interval '1 s' where id = %s",
            [job],
        )
        assert [
            str(row["id"]) for row in backend.execute("select * from public.reclaim_expired_jobs()").rows
        ] == [job]
    else:
        move_job(backend, job, end)
    assert [amount for _, amount, _ in read_books(backend, user.id).entries] == [5, -cost, cost]


@pytest.mark.parametrize("end", ["FAILED", "CANCELLED"])
def test_one_statement_refunds_the_jobs_of_every_user(
    backend: Session, erin: Persona, frank: Persona, end: str
) -> None:
    users = [erin.id, frank.id]
    for user in users:
        backend.execute("select public.grant_credits(%s, 3, 'BONUS', 'x')", [user])
        for cost in (1, 2):
            add_job(backend, user, status="QUEUED", cost=cost)
    backend.execute("update public.jobs set status = %s where user_id = any(%s)", [end, users])
    assert [read_books(backend, user).credits for user in users] == [3, 3]


def test_one_statement_claws_back_from_every_user(backend: Session, erin: Persona, frank: Persona) -> None:
    users = [erin.id, frank.id]
    for user in users:
        buy(backend, user)
    backend.execute("update public.payments set status = 'REFUNDED' where user_id = any(%s)", [users])
    assert [read_books(backend, user).credits for user in users] == [0, 0]


@pytest.mark.parametrize("greedy", [ALICE, BOB])
def test_every_user_of_a_statement_is_held_to_the_cap(backend: Session, greedy: str) -> None:
    """The first by id, and the last."""
    rows = [(user, 101 if user == greedy else 1) for user in (ALICE, BOB)]
    values = " union all ".join(f"select '{user}'::uuid from generate_series(1, {n})" for user, n in rows)
    assert backend.attempt(f"insert into public.jobs (user_id) {values}").sqlstate == "PT429"


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING"])
def test_every_way_into_the_queue_needs_a_video_and_is_charged(
    backend: Session, erin: Persona, status: str
) -> None:
    backend.execute("select public.grant_credits(%s, 2, 'BONUS', 'x')", [erin.id])
    bare = backend.value(
        "insert into public.jobs (user_id, status) values (%s, %s) returning id::text", [erin.id, status]
    )
    queue = "update public.jobs set status = 'QUEUED' where id = %s"
    assert backend.attempt(queue, [bare]).sqlstate == "PT409"
    job = add_job(backend, erin.id, status=status, cost=2)
    assert backend.attempt(queue, [job]).rowcount == 1
    assert read_books(backend, erin.id).credits == 0


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING", "QUEUED"])
def test_suspended_user_starts_no_job_in_any_state(backend: Session, erin: Persona, status: str) -> None:
    backend.execute("select public.grant_credits(%s, 2, 'BONUS', 'x')", [erin.id])
    backend.execute("update public.users set is_active = false where id = %s", [erin.id])
    start = backend.attempt(
        "insert into public.jobs (user_id, status, input_video_path) values (%s, %s, %s)",
        [erin.id, status, f"{erin.id}/in.mp4"],
    )
    assert start.sqlstate == "PT403"
