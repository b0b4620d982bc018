"""More rows than a call takes: those that waited longest go first, and what does not count hides nothing."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from tests.shared.accounts import ALICE, triggers_asleep
from tests.shared.rows import remove_jobs

RECLAIM = "select id::text from public.reclaim_expired_jobs()"
CLAIM = "select id::text from public.claim_next_jobs('w', 1, '1 hour')"
# The n-th of them has waited for n seconds.
_AT_WORK = """
    insert into public.jobs (user_id, status, lease_expires_at, max_retries, input_video_path)
    select user_id, 'RENDERING', now() - interval '1 second' * n, retries, user_id || '/in.mp4'
    from generate_series(%s::integer, %s::integer) as n
    cross join (values (%s::uuid, %s::smallint)) as j (user_id, retries)
    returning id::text
"""
_WAITING = """
    insert into public.jobs (user_id, status, next_attempt_at, priority, input_video_path, completed_at)
    select
        user_id, status, now() - interval '1 second' * n, case n when 1 then 9 else 0 end,
        user_id || '/in.mp4', case status when 'CANCELLED' then now() end
    from generate_series(%s::integer, %s::integer) as n
    cross join (values (%s::uuid, %s::public.job_status)) as j (user_id, status)
    returning id::text
"""


def _add(session: Session, query: str, *values: object) -> list[str]:
    """The ids, the shortest wait first."""
    with triggers_asleep(session):
        return [row["id"] for row in session.execute(query, list(values)).rows]


@pytest.fixture
def empty(backend: Session) -> Session:
    """The backend, without any job."""
    with backend.as_owner():
        remove_jobs(backend)
    return backend


@pytest.mark.parametrize("retries", [0, 3])
def test_leases_that_ended_first_are_taken_back_first(empty: Session, retries: int) -> None:
    jobs = _add(empty, _AT_WORK, 1, 1001, ALICE, retries)
    taken = [row["id"] for row in empty.execute(RECLAIM).rows]
    assert taken == sorted(jobs[1:])
    assert [row["id"] for row in empty.execute(RECLAIM).rows] == jobs[:1]


def test_jobs_without_retries_do_not_hide_one_that_has_some(empty: Session) -> None:
    [job] = _add(empty, _AT_WORK, 1, 1, ALICE, 3)
    _add(empty, _AT_WORK, 2, 1001, ALICE, 0)
    assert job in {row["id"] for row in empty.execute(RECLAIM).rows}


def test_jobs_that_are_not_at_work_do_not_hide_one_that_is(empty: Session) -> None:
    """The backend may write a lease to any job."""
    [job] = _add(empty, _AT_WORK, 1, 1, ALICE, 3)
    others = _add(empty, _AT_WORK, 2, 1001, ALICE, 3)
    with triggers_asleep(empty):
        empty.execute("update public.jobs set status = 'PENDING' where id = any(%s::uuid[])", [others])
    assert [row["id"] for row in empty.execute(RECLAIM).rows] == [job]


def test_retries_that_are_due_longest_go_back_among_the_others_first(empty: Session) -> None:
    jobs = _add(empty, _WAITING, 1, 1001, ALICE, "QUEUED")
    empty.execute(RECLAIM)
    waiting = empty.execute("select id::text from public.jobs where next_attempt_at is not null").rows
    assert [row["id"] for row in waiting] == jobs[:1]


def test_jobs_that_are_over_do_not_hide_a_retry_that_is_due(empty: Session) -> None:
    [job] = _add(empty, _WAITING, 1, 1, ALICE, "QUEUED")
    _add(empty, _WAITING, 2, 1001, ALICE, "CANCELLED")
    empty.execute(RECLAIM)
    assert empty.value("select next_attempt_at is null from public.jobs where id = %s", [job])


def test_nor_do_they_hide_it_from_a_worker(empty: Session) -> None:
    jobs = _add(empty, _WAITING, 1, 1, ALICE, "QUEUED")
    _add(empty, _WAITING, 2, 51, ALICE, "CANCELLED")
    assert [row["id"] for row in empty.execute(CLAIM).rows] == jobs


def test_jobs_that_wait_do_not_hide_a_new_one(empty: Session) -> None:
    """They have a higher priority."""
    [waiting] = _add(empty, _WAITING, -999, -999, ALICE, "QUEUED")
    [job] = _add(empty, _WAITING, 2, 2, ALICE, "QUEUED")
    with triggers_asleep(empty):
        empty.execute("update public.jobs set next_attempt_at = null where id = %s", [job])
        empty.execute("update public.jobs set priority = 9 where id = %s", [waiting])
    assert [row["id"] for row in empty.execute(CLAIM).rows] == [job]


def test_worker_is_handed_one_of_the_fifty_that_are_due_longest(empty: Session) -> None:
    """Whatever the priority of one that is due for less."""
    first, *others = _add(empty, _WAITING, 1, 51, ALICE, "QUEUED")
    [taken] = [row["id"] for row in empty.execute(CLAIM).rows]
    assert taken in others
    assert [row["id"] for row in empty.execute(CLAIM).rows] == [first]
