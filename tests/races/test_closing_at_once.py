"""Closing beside "cancel all my jobs", many times over; and what closing costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from threading import Barrier

import psycopg
import pytest

from pgassay.database import Database, Session
from tests.shared.accounts import open_account, triggers_asleep
from tests.shared.parallel import Scene, open_scene

ROUNDS = 25
CLOSE = "select private.close_account('{}')"
FILL = """
    insert into public.jobs (user_id, status, input_video_path)
    select u.id, (array['PENDING', 'QUEUED'])[n % 2 + 1]::public.job_status, u.id || '/in.mp4'
    from (values ('{}'::uuid)) as u (id), generate_series(1, 40) as n
"""
CANCEL_ALL = (
    "update public.jobs set status = 'CANCELLED' where user_id = '{}' and status in ('PENDING', 'QUEUED')"
)
LIVE = "select count(*) from public.jobs where user_id = %s and status <> 'CANCELLED'"


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def run(database: Database, barrier: Barrier, statement: str) -> str:
    """Run a statement at the same time as others; its SQLSTATE."""
    with closing(database.connect(autocommit=True)) as connection:
        barrier.wait()
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            return str(error.sqlstate)
        return ""


def test_closing_beside_cancelling_all_never_fails(scene: Scene) -> None:
    found = []
    with closing(scene.database.connect(autocommit=True)) as connection:
        session = Session(connection, owner=scene.database.owner)
        users = [str(open_account(session, f"user {n}", credits=20).id) for n in range(ROUNDS)]
        for user in users:
            session.execute(FILL.replace("{}", user))
        connection.execute("commit")
    for user in users:
        assert scene.value(LIVE, [user]) == 40
        barrier = Barrier(3)
        statements = [CLOSE, CANCEL_ALL, CLOSE]
        parties = [
            scene._threads.submit(run, scene.database, barrier, s.replace("{}", user)) for s in statements
        ]
        found.append([party.result() for party in parties])
        assert scene.value(LIVE, [user]) == 0
    assert found == [["", "", ""]] * ROUNDS


def place_live_jobs(session: Session, user: str, number: int) -> None:
    """Queued and paid jobs, past the limits of a day."""
    with triggers_asleep(session):
        session.execute(
            "insert into public.jobs (user_id, status, created_at, queued_at, input_video_path)"
            " select %s::uuid, 'QUEUED', now() - interval '2 days', now(), 'x' from generate_series(1, %s)",
            [user, number],
        )
        session.execute(
            "insert into public.credit_transactions (user_id, type, amount, balance_after, job_id)"
            " select user_id, 'USAGE', -1, %s - row_number() over (order by id), id"
            " from public.jobs where user_id = %s",
            [number, user],
        )
        session.execute(
            "update public.users set credits = 0, total_credits_used = %s where id = %s", [number, user]
        )


def blocks_of_closing(session: Session, user: str) -> int:
    """Blocks of the shared buffers that one call touches; its time is a row of `make bench`."""
    explain = f"explain (analyze, buffers, format json) {CLOSE.replace('{}', user)}"
    told = session.value(explain)
    (plan,) = json.loads(told) if isinstance(told, str) else told
    assert session.value(LIVE, [user]) == 0
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


def test_closing_is_linear_in_live_jobs(owner: Session) -> None:
    blocks = {}
    for number in (500, 2000):
        user = str(open_account(owner, f"user of {number}", credits=number).id)
        place_live_jobs(owner, user, number)
        owner.execute("analyze public.jobs, public.credit_transactions")
        blocks[number] = blocks_of_closing(owner, user) / number
    assert blocks[2000] <= 1.5 * blocks[500]
