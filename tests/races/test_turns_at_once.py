"""Two connections queue for one user at the same time: together they get the turns of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Persona
from tests.shared.accounts import BOB, open_account
from tests.shared.parallel import Scene, open_scene

SUBSCRIBE = "update public.users set subscription_tier = %s where id = %s"
INSERT = """
    insert into public.jobs (user_id, job_name, status, input_video_path)
    select u.id, %s, 'QUEUED', u.id || '/in.mp4'
    from (values (auth.uid())) as u (id), generate_series(1, %s)
"""
MOVE = """
    update public.jobs set status = 'QUEUED'
    where id = any(array(select id from public.jobs where job_name = %s and status = 'PENDING' limit %s))
"""
OF_ALL = {
    "inserted": """
        insert into public.jobs (user_id, status, input_video_path)
        select u.id, 'QUEUED', u.id || '/in.mp4' from unnest(%s::uuid[]) as u (id), generate_series(1, 15)
    """,
    "moved": """
        update public.jobs set status = 'QUEUED' where user_id = any(%s) and status = 'PENDING'
        and job_name = 'second'
    """,
}
NEIGHBOURS = """
    with paid as (select public.grant_credits(%s, 20, 'BONUS', 'Of the neighbour') as id)
    insert into public.jobs (user_id, status, input_video_path)
    select u.id, 'QUEUED', u.id || '/in.mp4'
    from paid cross join (values (%s::uuid)) as u (id) cross join generate_series(1, 20)
"""
QUEUED = """
    select array_agg(coalesce(turn_at, queued_at) order by coalesce(turn_at, queued_at), id)
    from public.jobs where user_id = %s and status = 'QUEUED'
"""
PRIORITIES = """
    select array_agg(priority order by coalesce(turn_at, queued_at), id)
    from public.jobs where user_id = %s and status = 'QUEUED'
"""


def ten_for_each_ten_minutes(turns: list[datetime]) -> bool:
    gaps = [late - early for early, late in zip(turns[:-10], turns[10:], strict=True)]
    return min(gaps) >= timedelta(minutes=10)


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


@pytest.fixture
def hoarder(clone: Database) -> Persona:
    """A new user with 30 credits and as many jobs without payment."""
    return open_hoard(clone, "hoarder")


def open_hoard(clone: Database, name: str) -> Persona:
    with closing(clone.connect(autocommit=True)) as connection:
        session = Session(connection, owner=clone.owner)
        hoarder = open_account(session, name, credits=30)
        for which in ("first", "second"):
            session.execute(
                "insert into public.jobs (user_id, job_name, input_video_path)"
                " select u.id, %s, u.id || '/in.mp4'"
                " from (values (%s::uuid)) as u (id), generate_series(1, 15)",
                [which, hoarder.id],
            )
        connection.execute("commit")
    return hoarder


@pytest.mark.parametrize("statement", [INSERT, MOVE], ids=["inserted", "moved"])
@pytest.mark.parametrize(
    ("first", "tier", "priority"), [(4, "basic", 10), (9, "pro", 20), (10, "pro", 20), (15, "enterprise", 30)]
)
def test_turns_of_two_connections_are_ten_for_each_ten_minutes(
    scene: Scene, hoarder: Persona, service: Persona, statement: str, first: int, tier: str, priority: int
) -> None:
    one, other, sales = scene.join(hoarder), scene.join(hoarder), scene.join(service)
    assert sales.attempt(SUBSCRIBE, [tier, hoarder.id]).rowcount == 1
    sales.commit()
    assert one.attempt(statement, ["first", first]).rowcount == first
    waiting = other.start(statement, ["second", 12])
    assert scene.blockers(other) == {one.pid}
    one.commit()
    assert waiting.result().rowcount == 12
    other.commit()
    turns = scene.value(QUEUED, [hoarder.id])
    assert [len(turns), ten_for_each_ten_minutes(turns)] == [first + 12, True]
    assert scene.value(PRIORITIES, [hoarder.id]) == [priority] * 10 + [0] * (first + 2)


@pytest.mark.parametrize("how", OF_ALL)
def test_every_user_of_a_statement_gets_turns(
    scene: Scene, clone: Database, hoarder: Persona, service: Persona, how: str
) -> None:
    """Not only the one whose id is the last."""
    users = [hoarder.id, open_hoard(clone, "neighbour").id]
    one, other = scene.join(service), scene.join(service)
    first = "update public.jobs set status = 'QUEUED' where user_id = any(%s) and job_name = 'first'"
    assert one.attempt(first, [users]).rowcount == 30
    waiting = other.start(OF_ALL[how], [users])
    assert scene.blockers(other) == {one.pid}
    one.commit()
    assert waiting.result().rowcount == 30
    other.commit()
    for user in users:
        turns = scene.value(QUEUED, [user])
        assert [len(turns), ten_for_each_ten_minutes(turns)] == [30, True]


def test_priority_of_the_backend_stays_when_a_turn_is_put_off(
    scene: Scene, hoarder: Persona, service: Persona
) -> None:
    neighbour = scene.join(service)
    # Of another user, with turns of their own, which count for nothing here.
    assert neighbour.attempt(NEIGHBOURS, [BOB, BOB]).rowcount == 20
    neighbour.commit()
    one, other = scene.join(hoarder), scene.join(service)
    assert one.attempt(INSERT, ["first", 10]).rowcount == 10
    urgent = (
        "insert into public.jobs (user_id, status, input_video_path, priority)"
        " values (%s, 'QUEUED', %s, 50) returning turn_at, priority"
    )
    waiting = other.start(urgent, [hoarder.id, f"{hoarder.id}/in.mp4"])
    assert scene.blockers(other) == {one.pid}
    one.commit()
    assert [row["priority"] for row in waiting.result().rows] == [50]
    other.commit()
    assert scene.value(PRIORITIES, [hoarder.id]) == [0] * 10 + [50]
    turns = scene.value(QUEUED, [hoarder.id])
    assert turns[10] - turns[0] == timedelta(minutes=10)


def test_jobs_of_one_statement_keep_their_order(scene: Scene, hoarder: Persona) -> None:
    """Five stay within the first ten, five stand behind: the last of them last."""
    one, other = scene.join(hoarder), scene.join(hoarder)
    assert one.attempt(INSERT, ["first", 5]).rowcount == 5
    late = other.start(INSERT, ["late", 10])
    assert scene.blockers(other) == {one.pid}
    one.commit()
    assert late.result().rowcount == 10
    other.commit()
    order = """
        select array_agg(id order by coalesce(turn_at, queued_at)) = array_agg(id order by queued_at)
            and count(turn_at) = 5
        from public.jobs where job_name = 'late'
    """
    assert scene.value(order, [])
