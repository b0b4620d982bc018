"""What one account can put into tables and buckets without paying is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Attempt, Persona
from tests.attacks.attack import ALICE, BOB, DAVE
from tests.shared.accounts import add_job, open_account, triggers_asleep
from tests.shared.parallel import Scene, open_scene

UPLOAD = "insert into storage.objects (bucket_id, name) values ('raw-videos', %s)"
CHANGES = "select path_changes from public.jobs where id = %s"
POINT = "update public.jobs set input_video_path = %s where id = %s"
INSERT = "insert into public.jobs (user_id) select auth.uid() from generate_series(1, %s)"
CANCEL = "update public.jobs set status = 'CANCELLED' where status in ('PENDING', 'UPLOADING')"
DAY = 200


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


@pytest.fixture
def poor(session: Session) -> Persona:
    """A user with neither jobs nor credits."""
    return open_account(session, "poor")


def upload(session: Session, user: Persona, path: str) -> Attempt:
    with session.act_as(user):
        return session.attempt(UPLOAD, [f"{user.id}/{path}"])


def point(session: Session, user: Persona, job: str, path: str | None) -> Attempt:
    with session.act_as(user):
        return session.attempt(POINT, [path and f"{user.id}/{path}", job])


@pytest.mark.parametrize("step", [None, "detour"], ids=["at once", "by way of nothing"])
def test_one_job_admits_four_uploads_and_no_more(session: Session, poor: Persona, step: str | None) -> None:
    """A job that is pointed at ever new paths would else admit an object for each."""
    job = add_job(session, poor.id)
    assert upload(session, poor, "in.mp4").rowcount == 1
    for number in range(3):
        if step:
            assert point(session, poor, job, None).rowcount == 1
        assert point(session, poor, job, f"{number}.mp4").rowcount == 1
        assert upload(session, poor, f"{number}.mp4").rowcount == 1
    assert point(session, poor, job, "more.mp4").sqlstate == "PT429"
    assert upload(session, poor, "more.mp4").sqlstate == "42501"


def test_path_that_is_sent_with_the_next_status_counts_too(session: Session, service: Persona) -> None:
    user = open_account(session, "mover", credits=1)
    job = add_job(session, user.id)
    for number in range(3):
        assert point(session, user, job, f"{number}.mp4").rowcount == 1
    queue = "update public.jobs set status = 'QUEUED', input_video_path = %s where id = %s"
    with session.act_as(service):
        assert session.attempt(queue, [f"{user.id}/more.mp4", job]).sqlstate == "PT429"
        assert session.attempt(queue, [f"{user.id}/2.mp4", job]).rowcount == 1


def test_account_of_a_job_that_has_had_all_its_paths_closes(session: Session, poor: Persona) -> None:
    """Erasure takes the path of a job that is over: that is no change of its user's."""
    job = add_job(session, poor.id)
    for number in range(3):
        assert point(session, poor, job, f"{number}.mp4").rowcount == 1
    with session.act_as(poor):
        assert session.attempt("select public.close_my_account()").sqlstate == ""
    row = session.execute("select input_video_path, path_changes from public.jobs where id = %s", [job]).rows[
        0
    ]
    assert row == {"input_video_path": None, "path_changes": 3}


def test_moving_a_job_on_does_not_count_as_a_change_of_its_path(session: Session, poor: Persona) -> None:
    job = add_job(session, poor.id)
    for name in ("a", "b", "c", "d", "e"):
        with session.act_as(poor):
            assert session.attempt("update public.jobs set job_name = %s where id = %s", [name, job]).rowcount
    assert point(session, poor, job, "in.mp4").rowcount == 1
    assert session.value(CHANGES, [job]) == 0


def test_taking_a_path_counts_and_setting_the_first_does_not(session: Session, poor: Persona) -> None:
    job = add_job(session, poor.id)
    with session.act_as(poor):
        empty = "insert into public.jobs (user_id) values (%s) returning id::text"
        other = session.value(empty, [poor.id])
    assert point(session, poor, job, None).rowcount == 1
    assert point(session, poor, other, "in.mp4").rowcount == 1
    assert [session.value(CHANGES, [each]) for each in (job, other)] == [1, 0]


def spend_the_day(session: Session, user: Persona) -> None:
    with session.act_as(user):
        for _ in range(2):
            assert session.attempt(INSERT, [100]).rowcount == 100
            assert session.attempt(CANCEL).rowcount == 100


def test_inserting_and_cancelling_ends_at_two_hundred_jobs_a_day(session: Session, poor: Persona) -> None:
    spend_the_day(session, poor)
    with session.act_as(poor):
        attempts = [session.attempt(INSERT, [number]).sqlstate for number in (1, 100, 1)]
    assert attempts == ["PT429"] * 3
    assert session.value("select count(*) from public.jobs where user_id = %s", [poor.id]) == DAY


def test_backend_starts_no_more_for_a_user_either(session: Session, service: Persona, poor: Persona) -> None:
    spend_the_day(session, poor)
    with session.act_as(service):
        start = "insert into public.jobs (user_id) values (%s)"
        assert session.attempt(start, [poor.id]).sqlstate == "PT429"
        assert session.attempt(start, [BOB]).rowcount == 1


@pytest.mark.parametrize(("age", "sqlstate"), [("23 hours 59 minutes", "PT429"), ("24 hours", "")])
def test_day_is_the_last_24_hours(session: Session, poor: Persona, age: str, sqlstate: str) -> None:
    spend_the_day(session, poor)
    with triggers_asleep(session):
        session.execute(
            "update public.jobs set created_at = now() - %s::interval where user_id = %s",
            [age, poor.id],
        )
    with session.act_as(poor):
        assert session.attempt(INSERT, [1]).sqlstate == sqlstate


def test_paid_jobs_count_too(session: Session) -> None:
    """With one credit, queueing and cancelling writes two entries of the ledger each time."""
    user = open_account(session, "farmer", credits=1)
    queue = """
        insert into public.jobs (user_id, status, input_video_path)
        values (auth.uid(), 'QUEUED', auth.uid() || '/in.mp4')
    """
    with session.act_as(user):
        for _ in range(DAY):
            session.execute(queue)
            session.execute("update public.jobs set status = 'CANCELLED' where status = 'QUEUED'")
        assert session.attempt(queue).sqlstate == "PT429"
    assert (
        session.value("select count(*) from public.credit_transactions where user_id = %s", [user.id])
        == 2 * DAY + 1
    )


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_two_devices_at_once_start_no_more_than_one(scene: Scene, alice: Persona, isolation: str) -> None:
    """Alice has nine jobs; all but two of her day's others are over."""
    with scene.database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into public.jobs (user_id, status, completed_at)"
            " select %s, 'CANCELLED', now() from generate_series(1, 189)",
            [ALICE],
        )
    phone, laptop = (scene.join(alice, isolation=isolation) for _ in range(2))
    for party in (phone, laptop):
        assert party.attempt("select 1").rowcount == 1
    assert phone.attempt(INSERT, [2]).rowcount == 2
    late = laptop.start(INSERT, [1])
    assert scene.blockers(laptop) == {phone.pid}
    phone.commit()
    assert late.result().sqlstate == ("PT429" if isolation == "read committed" else "40001")
    laptop.commit()
    assert scene.value("select count(*) from public.jobs where user_id = %s", [ALICE]) == DAY


@pytest.mark.parametrize(
    ("status", "age", "is_listed"),
    [
        ("CANCELLED", timedelta(hours=25), True),
        ("CANCELLED", timedelta(hours=23), False),
        ("PENDING", timedelta(hours=25), False),
        ("FAILED", timedelta(hours=25), False),
        ("none", timedelta(hours=25), True),
    ],
)
def test_videos_of_cancelled_jobs_do_not_stay_for_ever(
    session: Session, service: Persona, poor: Persona, status: str, age: timedelta, is_listed: bool
) -> None:
    job = add_job(session, poor.id)
    assert upload(session, poor, "in.mp4").rowcount == 1
    if status == "none":
        assert point(session, poor, job, "other.mp4").rowcount == 1
    elif status != "PENDING":
        session.execute("update public.jobs set status = %s where id = %s", [status, job])
    name = f"{poor.id}/in.mp4"
    session.execute("update storage.objects set created_at = now() - %s where name = %s", [age, name])
    with session.act_as(service):
        listed = {row["name"] for row in session.execute("select * from public.objects_to_erase()").rows}
    assert (name in listed) is is_listed


def test_objects_of_closed_accounts_alone_are_listed(session: Session, service: Persona) -> None:
    with session.act_as(service):
        rows = session.execute("select * from public.objects_to_erase()").rows
    assert [tuple(row.values()) for row in rows] == [
        ("final-videos", f"{DAVE}/completed.mp4"),
        ("raw-videos", f"{DAVE}/completed.mp4"),
        ("thumbnails", f"{DAVE}/completed.webp"),
    ]
