"""A transaction with an old snapshot decides nothing by it: it fails with 40001."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.accounts import BOB
from tests.shared.parallel import Party, Scene, open_scene

REPEATABLE, COMMITTED = "repeatable read", "read committed"
CLOSE = "update public.users set deleted_at = now() where id = %s"
ADD = """
    insert into public.jobs (user_id, status, input_video_path)
    select u.id, s.status::public.job_status, u.id || '/in.mp4'
    from (values (%s::uuid)) as u (id), (values (%s)) as s (status)
"""
UNPAID = "select count(*) from public.jobs where user_id = %s and status in ('PENDING', 'UPLOADING')"
LIVE_JOBS_OF_CLOSED = """
    select count(*) from public.jobs as j inner join public.users as u on j.user_id = u.id
    where u.deleted_at is not null and j.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
"""


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene
        assert scene.value(LIVE_JOBS_OF_CLOSED) == 0


def see(party: Party) -> None:
    """Take the snapshot of a transaction."""
    assert party.attempt("select count(*) from public.jobs").rowcount == 1


@pytest.mark.parametrize("status", ["PENDING", "QUEUED"])
@pytest.mark.parametrize("name", ["service", "bob"])
def test_closing_after_an_unseen_job_fails_and_repeated_cancels_it(
    scene: Scene, service: Persona, personas: dict[str, Persona], name: str, status: str
) -> None:
    adder, closer = scene.join(personas[name]), scene.join(service, isolation=REPEATABLE)
    see(closer)
    assert adder.attempt(ADD, [BOB, status]).rowcount == 1
    late = closer.start(CLOSE, [BOB])
    assert scene.blockers(closer) == {adder.pid}
    adder.commit()
    assert late.result().sqlstate == "40001"
    again = scene.join(service, isolation=REPEATABLE)
    assert again.attempt(CLOSE, [BOB]).rowcount == 1
    again.commit()
    assert scene.value(UNPAID, [BOB]) == 0


@pytest.mark.parametrize("status", ["PENDING", "QUEUED"])
@pytest.mark.parametrize(("isolation", "sqlstate"), [(REPEATABLE, "40001"), (COMMITTED, "PT403")])
def test_job_after_an_unseen_closing_is_refused(
    scene: Scene, service: Persona, isolation: str, sqlstate: str, status: str
) -> None:
    adder, closer = scene.join(service, isolation=isolation), scene.join(service)
    see(adder)
    assert closer.attempt(CLOSE, [BOB]).rowcount == 1
    late = adder.start(ADD, [BOB, status])
    assert scene.blockers(adder) == {closer.pid}
    closer.commit()
    assert late.result().sqlstate == sqlstate


@pytest.mark.parametrize(("isolation", "sqlstate"), [(REPEATABLE, "40001"), (COMMITTED, "PT429")])
def test_hundred_unpaid_jobs_are_the_limit_for_two_at_once(
    scene: Scene, service: Persona, isolation: str, sqlstate: str
) -> None:
    filler = scene.join(service)
    fill = "insert into public.jobs (user_id) select %s from generate_series(1, %s)"
    # Bob has one in the world.
    assert filler.attempt(fill, [BOB, 98]).rowcount == 98
    filler.commit()
    first, second = (scene.join(service, isolation=isolation) for _ in range(2))
    see(first)
    see(second)
    assert first.attempt(ADD, [BOB, "UPLOADING"]).rowcount == 1
    late = second.start(ADD, [BOB, "PENDING"])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    assert late.result().sqlstate == sqlstate
    second.commit()
    assert scene.value(UNPAID, [BOB]) == 100
