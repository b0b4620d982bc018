"""The order of jobs: ten of a user by their time, further ones ten per ten minutes; paid tiers first."""

from __future__ import annotations

from datetime import timedelta
from itertools import takewhile

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE_JOBS, BOB, add_job, move_job, open_account, read_job, triggers_asleep

CLAIM = "select id::text, user_id::text from public.claim_next_jobs('worker', %s, '1 hour')"
MANY = """
    insert into public.jobs (user_id, status, input_video_path)
    select u.id, 'QUEUED', u.id || '/in.mp4' from (values (%s::uuid)) as u (id), generate_series(1, %s)
"""
TEN_MINUTES = timedelta(minutes=10)
TIERS = {"free": 0, "basic": 10, "pro": 20, "enterprise": 30}


@pytest.fixture
def hoarder(backend: Session) -> Persona:
    """A new user with 200 credits, and a queue that is empty."""
    move_job(backend, ALICE_JOBS["QUEUED"], "CANCELLED")
    move_job(backend, f"{BOB[:-3]}103", "CANCELLED")
    return open_account(backend, "hoarder", credits=200)


@pytest.fixture
def frank(backend: Session) -> Persona:
    return open_account(backend, "frank", credits=20)


def claim_owners(session: Session, count: int) -> list[str]:
    return [row["user_id"] for row in session.execute(CLAIM, [count]).rows]


@pytest.mark.parametrize("at_once", [True, False])
def test_job_of_another_user_comes_before_the_eleventh_of_one(
    backend: Session, hoarder: Persona, frank: Persona, at_once: bool
) -> None:
    for _ in range(1 if at_once else 150):
        backend.execute(MANY, [hoarder.id, 150 if at_once else 1])
    late = add_job(backend, frank.id, status="QUEUED")
    owners = claim_owners(backend, 151)
    assert (owners.index(str(frank.id)), len(owners)) == (10, 151)
    assert read_job(backend, late)["turn_at"] is None


def test_turns_of_many_jobs_are_ten_for_each_ten_minutes(backend: Session, hoarder: Persona) -> None:
    backend.execute(MANY, [hoarder.id, 35])
    rows = backend.execute(
        "select queued_at, turn_at from public.jobs where user_id = %s"
        " order by coalesce(turn_at, queued_at), id",
        [hoarder.id],
    ).rows
    assert [row["turn_at"] for row in rows[:10]] == [None] * 10
    turns = [row["turn_at"] or row["queued_at"] for row in rows]
    assert [later - earlier for earlier, later in zip(turns[:-10], turns[10:], strict=True)] == [
        TEN_MINUTES
    ] * 25


def test_nobodys_turn_is_put_off_where_no_job_came_in(backend: Session, hoarder: Persona) -> None:
    backend.execute(MANY, [hoarder.id, 35])
    later = "select count(*) from public.jobs where user_id = %s and turn_at is not null"
    with backend.as_owner():
        backend.execute("update public.jobs set turn_at = null where user_id = %s", [hoarder.id])
        backend.execute("select private.keep_turns(%s, '{}')", [hoarder.id])
    assert backend.value(later, [hoarder.id]) == 0


def test_jobs_of_one_user_keep_their_order(backend: Session, hoarder: Persona) -> None:
    jobs = [add_job(backend, hoarder.id, status="QUEUED") for _ in range(25)]
    assert [row["id"] for row in backend.execute(CLAIM, [25]).rows] == jobs


def test_who_queues_in_time_goes_by_the_time(backend: Session, hoarder: Persona) -> None:
    """Ten jobs that stand there for ten minutes delay no eleventh."""
    backend.execute(MANY, [hoarder.id, 10])
    with triggers_asleep(backend):
        backend.execute(
            "update public.jobs set created_at = created_at - %s::interval,"
            " queued_at = queued_at - %s::interval where user_id = %s",
            [TEN_MINUTES, TEN_MINUTES, hoarder.id],
        )
    assert read_job(backend, add_job(backend, hoarder.id, status="QUEUED"))["turn_at"] is None


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING"])
def test_jobs_that_are_queued_later_take_turns_too(
    backend: Session, hoarder: Persona, frank: Persona, status: str
) -> None:
    for _ in range(15):
        add_job(backend, hoarder.id, status=status)
    assert (
        backend.execute("update public.jobs set status = 'QUEUED' where user_id = %s", [hoarder.id]).rowcount
        == 15
    )
    add_job(backend, frank.id, status="QUEUED")
    assert claim_owners(backend, 16).index(str(frank.id)) == 10


def test_only_jobs_in_the_queue_count(backend: Session, hoarder: Persona) -> None:
    """Neither those at work nor those that are over nor those that wait unpaid."""
    backend.execute(MANY, [hoarder.id, 10])
    assert len(claim_owners(backend, 10)) == 10
    backend.execute(MANY, [hoarder.id, 9])
    for status in ("PENDING", "UPLOADING"):
        add_job(backend, hoarder.id, status=status)
    move_job(backend, add_job(backend, hoarder.id, status="QUEUED"), "CANCELLED")
    assert read_job(backend, add_job(backend, hoarder.id, status="QUEUED"))["turn_at"] is None
    assert read_job(backend, add_job(backend, hoarder.id, status="QUEUED"))["turn_at"] is not None


def test_job_keeps_its_turn_while_it_is_queued(backend: Session, hoarder: Persona) -> None:
    jobs = [add_job(backend, hoarder.id, status="QUEUED") for _ in range(11)]
    before = read_job(backend, jobs[-1])["turn_at"]
    for other in jobs[:5]:
        move_job(backend, other, "CANCELLED")
    with backend.act_as(hoarder):
        again = "update public.jobs set status = 'QUEUED', job_name = 'Mine' where id = %s"
        assert backend.execute(again, [jobs[-1]]).rowcount == 1
    assert (before is None, read_job(backend, jobs[-1])["turn_at"]) == (False, before)


@pytest.mark.parametrize("status", ["PENDING", "QUEUED"])
def test_turn_sent_with_a_new_job_is_ignored(backend: Session, frank: Persona, status: str) -> None:
    job = backend.value(
        "insert into public.jobs (user_id, status, input_video_path, turn_at)"
        " values (%s, %s, %s, '1999-01-01') returning id::text",
        [frank.id, status, f"{frank.id}/in.mp4"],
    )
    assert read_job(backend, job)["turn_at"] is None


@pytest.mark.parametrize("ends", [None, "1 hour", "-1 hour"])
@pytest.mark.parametrize(("tier", "priority"), TIERS.items())
def test_paid_tier_comes_first_until_it_ends(
    backend: Session, hoarder: Persona, frank: Persona, tier: str, priority: int, ends: str | None
) -> None:
    backend.execute(
        "update public.users set subscription_tier = %s, subscription_expires_at = now() + %s::interval"
        " where id = %s",
        [tier, ends, frank.id],
    )
    add_job(backend, hoarder.id, status="QUEUED")
    expected = 0 if ends == "-1 hour" else priority
    direct, moved = add_job(backend, frank.id, status="QUEUED"), add_job(backend, frank.id)
    move_job(backend, moved, "QUEUED")
    assert [read_job(backend, job)["priority"] for job in (direct, moved)] == [expected] * 2
    owners = [hoarder.id, frank.id, frank.id]
    assert claim_owners(backend, 3) == (owners[1:] + owners[:1] if expected else owners)


def test_only_ten_jobs_of_a_paid_tier_come_first(backend: Session, hoarder: Persona, frank: Persona) -> None:
    backend.execute("update public.users set subscription_tier = 'enterprise' where id = %s", [hoarder.id])
    add_job(backend, frank.id, status="QUEUED")
    backend.execute(MANY, [hoarder.id, 100])
    assert claim_owners(backend, 101).index(str(frank.id)) == 10


@pytest.mark.parametrize("priority", [-1, 1, 100])
def test_priority_that_the_backend_gave_stays(backend: Session, frank: Persona, priority: int) -> None:
    backend.execute("update public.users set subscription_tier = 'pro' where id = %s", [frank.id])
    job = add_job(backend, frank.id)
    backend.execute("update public.jobs set priority = %s where id = %s", [priority, job])
    move_job(backend, job, "QUEUED")
    assert read_job(backend, job)["priority"] == priority


LISTEN = "listen autocut_job_queued"
WAKERS: dict[str, tuple[str, list[object]]] = {
    "new": (MANY, [BOB, 2]),
    "moved": ("update public.jobs set status = 'QUEUED' where id = %s", [f"{BOB[:-3]}101"]),
}
SILENT: dict[str, tuple[str, list[object]]] = {
    # It waits for its next attempt.
    "retried": ("update public.jobs set status = 'QUEUED' where id = %s", [f"{BOB[:-3]}106"]),
    "pending": ("insert into public.jobs (user_id) values (%s)", [BOB]),
    "progress": ("update public.jobs set progress_percentage = 70 where id = %s", [f"{BOB[:-3]}106"]),
    "cancelled": ("update public.jobs set status = 'CANCELLED' where id = %s", [f"{BOB[:-3]}103"]),
    "renamed": ("update public.jobs set job_name = 'B' where id = %s", [f"{BOB[:-3]}103"]),
}


@pytest.mark.parametrize("name", WAKERS | SILENT)
def test_listeners_hear_once_that_something_is_queued_and_not_whose(clone: Database, name: str) -> None:
    statement, parameters = (WAKERS | SILENT)[name]
    with clone.connect(autocommit=True) as listener, clone.connect(autocommit=True) as writer:
        listener.execute(LISTEN)
        writer.execute("set role service_role")
        assert writer.execute(statement.encode(), parameters).rowcount >= 1
        writer.execute("notify autocut_job_queued, 'the end'")
        heard = [
            n.payload for n in takewhile(lambda n: n.payload != "the end", listener.notifies(timeout=60))
        ]
    assert heard == ([""] if name in WAKERS else [])
