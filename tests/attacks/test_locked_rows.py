"""A client that keeps rows of its own locked delays its own jobs, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.database import Database
from pgassay.observation import Persona
from tests.attacks.attack import ALICE
from tests.shared.accounts import ALICE_JOBS, BOB
from tests.shared.parallel import Scene, open_scene

BOBS = {status: f"{BOB[:-3]}{number}" for status, number in (("QUEUED", 103), ("RENDERING", 106))}
CLAIM = "select id::text from public.claim_next_jobs('w', 10, '1 hour')"
RECLAIM = "select id::text from public.reclaim_expired_jobs()"
LOCKS = {
    "an edit of the own row": "update public.users set full_name = 'x' where id = auth.uid()",
    "a lock on the own row": "select from public.users where id = auth.uid() for update",
    "a weak lock on the own row": "select from public.users where id = auth.uid() for no key update",
    "a shared lock on the own row": "select from public.users where id = auth.uid() for share",
}
JOB_LOCKS = {
    "an edit of own jobs": "update public.jobs set job_name = 'x'",
    "a lock on own jobs": "select from public.jobs for update",
    "a shared lock on own jobs": "select from public.jobs for share",
}


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def expire(scene: Scene, *, retries: int) -> None:
    """All jobs at work are those of dead workers, with these retries left of one."""
    with scene.database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "update public.jobs set lease_expires_at = now() - interval '1 hour', max_retries = 1,"
            " retry_count = 1 - %s where status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING')",
            [retries],
        )


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_reclaim_fails_the_jobs_of_others_while_a_client_locks_its_own_row(
    scene: Scene, alice: Persona, service: Persona, lock: str
) -> None:
    expire(scene, retries=0)
    client, backend = scene.join(alice), scene.join(service)
    assert client.attempt(lock).rowcount == 1
    assert [row["id"] for row in backend.attempt(RECLAIM).rows] == [BOBS["RENDERING"]]
    backend.commit()
    client.commit()
    again = scene.join(service)
    assert len(again.attempt(RECLAIM).rows) == 3  # Alice's, once she lets go
    again.commit()


@pytest.mark.parametrize("lock", {**LOCKS, **JOB_LOCKS}.values(), ids=[*LOCKS, *JOB_LOCKS])
def test_claim_and_reclaim_wait_for_no_client(
    scene: Scene, alice: Persona, service: Persona, lock: str
) -> None:
    expire(scene, retries=1)
    client, backend = scene.join(alice), scene.join(service)
    assert client.attempt(lock).rowcount
    reclaimed = {row["id"] for row in backend.attempt(RECLAIM).rows}
    claimed = {row["id"] for row in backend.attempt(CLAIM).rows}
    assert BOBS["RENDERING"] in reclaimed
    assert BOBS["QUEUED"] in claimed
    assert (ALICE_JOBS["QUEUED"] in claimed) is (lock in LOCKS.values())


def test_jobs_that_must_wait_for_a_client_leave_room_for_those_of_others(
    scene: Scene, alice: Persona, service: Persona
) -> None:
    """Alice has a thousand of them whose leases ended first: as many as one call takes."""
    expire(scene, retries=0)
    with scene.database.connect() as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "insert into public.jobs (user_id, status, retry_count, lease_expires_at)"
            " select %s, 'RENDERING', 3, now() - interval '1 day' from generate_series(1, 1000)",
            [ALICE],
        )
    client, backend = scene.join(alice), scene.join(service)
    assert client.attempt(LOCKS["an edit of the own row"]).rowcount == 1
    assert [row["id"] for row in backend.attempt(RECLAIM).rows] == [BOBS["RENDERING"]]


def test_tiers_of_others_expire_while_a_client_locks_its_own_row(
    scene: Scene, alice: Persona, service: Persona
) -> None:
    with scene.database.connect() as connection:
        connection.execute(
            "update public.users"
            " set subscription_tier = 'pro', subscription_expires_at = now() - interval '1 day'"
            " where deleted_at is null"
        )
    client, backend = scene.join(alice), scene.join(service)
    assert client.attempt(LOCKS["an edit of the own row"]).rowcount == 1
    expired = backend.attempt("select id::text from public.expire_subscriptions()").rows
    assert [row["id"] for row in expired] == [BOB]
