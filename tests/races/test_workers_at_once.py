"""Workers and the sweeper at the same time: nobody waits, no job goes to two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.shared.accounts import ALICE_JOBS, BOB
from tests.shared.parallel import Party, Scene, open_scene

CLAIM = "select id::text from public.claim_next_jobs('worker', %s, '1 hour')"
RECLAIM = "select id::text from public.reclaim_expired_jobs()"


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def claim(party: Party, count: int) -> list[str]:
    return [row["id"] for row in party.attempt(CLAIM, [count]).rows]


def reclaim(party: Party) -> list[str]:
    return [row["id"] for row in party.attempt(RECLAIM).rows]


def test_two_workers_never_wait_for_each_other_nor_share_a_job(scene: Scene, service: Persona) -> None:
    one, two = scene.join(service), scene.join(service)
    assert claim(one, 1) == [ALICE_JOBS["QUEUED"]]
    assert claim(two, 10) == [f"{BOB[:-3]}103"]
    one.commit()
    two.commit()
    assert claim(scene.join(service), 10) == []


def test_reclaim_passes_over_a_job_that_somebody_holds(scene: Scene, service: Persona) -> None:
    held, free = ALICE_JOBS["TRANSCRIBING"], ALICE_JOBS["RENDERING"]
    dead, worker, sweeper = (scene.join(service) for _ in range(3))
    expire = "update public.jobs set lease_expires_at = now() - interval '1 s' where id in (%s, %s)"
    assert dead.attempt(expire, [held, free]).rowcount == 2
    dead.commit()
    heartbeat = "update public.jobs set lease_expires_at = now() + interval '1 h' where id = %s"
    assert worker.attempt(heartbeat, [held]).rowcount == 1
    assert reclaim(sweeper) == [free]
    worker.commit()
    assert reclaim(sweeper) == []
