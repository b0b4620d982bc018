"""A statement writes the row of a user once, however many of the user's jobs it moves."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pgassay.database import Session
from tests.shared.accounts import SERVICE, add_job, open_account
from tests.shared.debts import refund
from tests.shared.payments import buy

WRITES = "select n_tup_upd::int from pg_stat_xact_user_tables where relid = 'public.users'::regclass"
JOBS = """
    insert into public.jobs (user_id, status, input_video_path)
    select u.id, %(status)s, u.id || '/in.mp4' from public.users as u, generate_series(1, %(number)s)
    where u.id = any(%(users)s::uuid[])
"""
MOVE = "update public.jobs set status = %(status)s where user_id = any(%(users)s::uuid[])"


def count_writes(session: Session, *statements: tuple[str, dict[str, object]]) -> list[int]:
    """Of each statement."""
    counts = [session.value(WRITES)]
    with session.act_as(SERVICE):
        for query, params in statements:
            assert session.execute(query, params).rowcount > 0
            counts.append(session.value(WRITES))
    return [later - earlier for earlier, later in pairwise(counts)]


@pytest.mark.parametrize("number", [1, 7])
@pytest.mark.parametrize("names", [("erin",), ("erin", "frank", "grace")])
def test_statement_writes_each_user_once(backend: Session, names: tuple[str, ...], number: int) -> None:
    users = {"users": [open_account(backend, name, credits=20).id for name in names], "number": number}
    queue, end = {"status": "QUEUED"} | users, {"status": "CANCELLED"} | users
    writes = count_writes(
        backend,
        (JOBS, {"status": "PENDING"} | users),
        (MOVE, queue),
        (MOVE, {"status": "TRANSCRIBING"} | users),
        (MOVE, {"status": "ANALYZING"} | users),
        (MOVE, {"status": "QUEUED"} | users),
        (MOVE, {"status": "FAILED"} | users),
        (JOBS, queue),
        (MOVE.replace("where", "where status = 'QUEUED' and"), end),
    )
    once = len(names)
    # Work and retries move no credits and touch no user.
    assert writes == [once, once, 0, 0, 0, once, once, once]


@pytest.mark.parametrize("number", [1, 5])
def test_what_is_owed_costs_one_more_write_for_each_debt(backend: Session, number: int) -> None:
    erin = open_account(backend, "erin").id
    payment = buy(backend, erin, "Popular Pack")
    jobs = [add_job(backend, erin, status="QUEUED", cost=10 // number) for _ in range(number)]
    refund(backend, payment)
    assert len(jobs) == number
    assert count_writes(backend, (MOVE, {"status": "FAILED", "users": [erin]})) == [2]
