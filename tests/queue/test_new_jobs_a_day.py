"""A user starts at most 200 jobs in 24 hours, also those that are over, also several at a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import BOB, open_account, read_books, triggers_asleep
from tests.shared.parallel import Scene, open_scene

FILL = """
    insert into public.jobs (user_id, status, input_video_path)
    select u.id, s.status::public.job_status, u.id || '/in.mp4'
    from (values (%s::uuid)) as u (id), (values (%s)) as s (status), generate_series(1, %s)
"""
END = "update public.jobs set status = 'CANCELLED' where user_id = %s and status in ('PENDING', 'QUEUED')"
COUNT = "select count(*) from public.jobs where user_id = %s"


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user with 10 credits who has started and cancelled 199 jobs."""
    erin = open_account(backend, "erin", credits=10)
    for number in (100, 99):
        assert backend.execute(FILL, [erin.id, "PENDING", number]).rowcount == number
        assert backend.execute(END, [erin.id]).rowcount == number
    return erin


@pytest.mark.parametrize("name", ["erin", "service"])
@pytest.mark.parametrize("status", ["PENDING", "UPLOADING", "QUEUED"])
def test_job_number_201_is_refused_to_everybody(
    backend: Session, service: Persona, erin: Persona, status: str, name: str
) -> None:
    with backend.act_as(erin if name == "erin" else service):
        assert backend.attempt(FILL, [erin.id, status, 2]).sqlstate == "PT429"
        assert backend.attempt(FILL, [erin.id, status, 1]).rowcount == 1
        tried = backend.attempt(FILL, [erin.id, status, 1])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT429")
    assert backend.value(COUNT, [erin.id]) == 200
    assert len(read_books(backend, erin.id).entries) == (2 if status == "QUEUED" else 1)


@pytest.mark.parametrize(("age", "sqlstate"), [("23:59:00", "PT429"), ("24:00:01", "")])
def test_jobs_of_yesterday_do_not_count(backend: Session, erin: Persona, age: str, sqlstate: str) -> None:
    with triggers_asleep(backend):
        backend.execute(
            "update public.jobs set created_at = now() - %s::interval where user_id = %s", [age, erin.id]
        )
    assert backend.attempt(FILL, [erin.id, "PENDING", 2]).sqlstate == sqlstate


def test_credits_are_not_turned_over_without_end(backend: Session) -> None:
    frank = open_account(backend, "frank", credits=1)
    for _ in range(200):
        assert backend.execute(FILL, [frank.id, "QUEUED", 1]).rowcount == 1
        assert backend.execute(END, [frank.id]).rowcount == 1
    assert backend.attempt(FILL, [frank.id, "QUEUED", 1]).sqlstate == "PT429"
    assert len(read_books(backend, frank.id).entries) == 1 + 2 * 200


def test_other_users_and_moves_are_left_alone(backend: Session, erin: Persona) -> None:
    assert backend.execute(FILL, [erin.id, "PENDING", 1]).rowcount == 1
    assert backend.attempt(FILL, [BOB, "PENDING", 1]).rowcount == 1
    move = "update public.jobs set status = 'QUEUED' where user_id = %s and status = 'PENDING'"
    assert backend.attempt(move, [erin.id]).rowcount == 1


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


@pytest.mark.parametrize("status", ["PENDING", "QUEUED"])
@pytest.mark.parametrize(
    ("isolation", "sqlstate"),
    [("read committed", "PT429"), ("repeatable read", "40001"), ("serializable", "40001")],
)
def test_two_at_once_do_not_pass_the_limit(
    scene: Scene, service: Persona, personas: dict[str, Persona], isolation: str, sqlstate: str, status: str
) -> None:
    filler = scene.join(service)
    # The world has some of Bob's.
    there = scene.value(COUNT, [BOB])
    for number in (98, 199 - 98 - there):
        assert filler.attempt(FILL, [BOB, "PENDING", number]).rowcount == number
        assert filler.attempt(END, [BOB]).rowcount >= number
    filler.commit()
    first, second = (scene.join(personas["bob"], isolation=isolation) for _ in range(2))
    for party in (first, second):
        assert party.attempt("select 1").rowcount == 1
        assert party.attempt("select count(*) from public.jobs").rowcount == 1
    assert first.attempt(FILL, [BOB, status, 1]).rowcount == 1
    late = second.start(FILL, [BOB, status, 1])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    assert late.result().sqlstate == sqlstate
    assert scene.value(COUNT, [BOB]) == 200
