"""Eight workers beside a user who cancels: no job twice, none lost, what waits for a retry left alone."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from pgassay.database import Database, Session
from tests.shared.accounts import (
    ALICE_JOBS,
    BOB,
    add_job,
    find_disagreements,
    move_job,
    open_account,
    triggers_asleep,
)

CLAIM = "select id::text from public.claim_next_jobs(%s, %s, '1 hour')"
CANCEL = """
    update public.jobs set status = 'CANCELLED' where id = (
        select id from public.jobs where user_id = %s and status = 'QUEUED'
        order by md5(id::text || %s) limit 1 for no key update skip locked
    ) and status = 'QUEUED' returning id::text
"""
FILL = """
    insert into public.jobs (user_id, status, input_video_path, priority)
    select u.id, 'QUEUED', u.id || '/in.mp4', n %% 3
    from (values (%s::uuid)) as u (id), generate_series(1, 150) as n
"""
# A third is due again, a third still waits.
RETRIES = """
    update public.jobs as j
    set next_attempt_at = now() + case o.place %% 3 when 1 then '-1 s' else '1 h' end::interval
    from (select id, row_number() over (order by id) as place from public.jobs where user_id = %s) as o
    where j.id = o.id and o.place %% 3 > 0
"""
WAITING = """
    select count(*) from public.jobs where user_id = %s and next_attempt_at > now() and status = 'QUEUED'
"""


def fill(session: Session) -> str:
    """150 queued jobs of one user, in three priorities, beside which the queue is empty."""
    for job in (ALICE_JOBS["QUEUED"], f"{BOB[:-3]}103"):
        move_job(session, job, "CANCELLED")
    erin = str(open_account(session, "erin", credits=150).id)
    session.execute(FILL, [erin])
    session.execute(RETRIES, [erin])
    return erin


@pytest.mark.parametrize("count", [1, 7, 100])
def test_fresh_and_due_jobs_come_in_one_order(owner: Session, count: int) -> None:
    erin = fill(owner)
    with triggers_asleep(owner):
        owner.execute(
            "update public.jobs set turn_at = now() + (hashtext(id::text) %% 50) * interval '1 s'"
            " where user_id = %s and priority > 0",
            [erin],
        )
    expected = owner.execute(
        "select id::text from public.jobs"
        " where status = 'QUEUED' and coalesce(next_attempt_at <= now(), true)"
        " order by priority desc, coalesce(turn_at, queued_at), id"
    ).rows
    handed: list[str] = []
    while batch := owner.execute(CLAIM, ["w", count]).rows:
        assert len(batch) <= count
        handed += [row["id"] for row in batch]
    assert (len(handed), handed) == (100, [row["id"] for row in expected])
    assert owner.value(WAITING, [erin]) == 50


def blocks_of_a_claim(session: Session, user: str, due: int) -> int:
    """Blocks of the shared buffers that a claim of five touches beside so many due retries."""
    session.execute("savepoint claiming")
    with triggers_asleep(session):
        session.execute(
            "insert into public.jobs"
            " (user_id, status, input_video_path, created_at, queued_at, next_attempt_at)"
            " select %s, 'QUEUED', %s, m.moment, m.moment, now() - interval '1 s'"
            " from (values (now() - interval '2 days')) as m (moment), generate_series(1, %s)",
            [user, f"{user}/in.mp4", due],
        )
    session.execute("analyze public.jobs")
    claim = "explain (analyze, buffers, format json) select * from public.claim_next_jobs('w', 5, '1 hour')"
    told = session.value(claim)
    (plan,) = json.loads(told) if isinstance(told, str) else told
    session.execute("rollback to savepoint claiming")
    assert plan["Plan"]["Actual Rows"] == 5
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


def test_claim_beside_thousands_of_due_retries_reads_as_much_as_beside_a_hundred(owner: Session) -> None:
    erin = fill(owner)
    few, many = (blocks_of_a_claim(owner, erin, due) for due in (100, 3000))
    assert many <= 1.5 * few


@pytest.mark.parametrize(("place", "is_first"), [(50, True), (51, False)])
def test_claim_looks_at_the_fifty_that_have_been_due_longest(
    owner: Session, place: int, is_first: bool
) -> None:
    move_job(owner, ALICE_JOBS["QUEUED"], "CANCELLED")
    move_job(owner, f"{BOB[:-3]}103", "CANCELLED")
    erin = str(open_account(owner, "erin", credits=51).id)
    jobs = [add_job(owner, erin, status="QUEUED") for _ in range(51)]
    with triggers_asleep(owner):
        owner.execute(
            "update public.jobs as j set next_attempt_at = now() - (100 - o.place) * interval '1 s',"
            " priority = case o.place when %s then 100 else 0 end"
            " from unnest(%s::uuid[]) with ordinality as o (id, place) where j.id = o.id",
            [place, jobs],
        )
    [claimed] = owner.execute(CLAIM, ["w", 1]).rows
    assert (claimed["id"] == jobs[place - 1]) == is_first


def test_due_retries_that_somebody_holds_are_passed_over(clone: Database) -> None:
    with closing(clone.connect(autocommit=True)) as connection:
        session = Session(connection, owner=clone.owner)
        fill(session)
        fresh = (
            "update public.jobs set status = 'CANCELLED' where status = 'QUEUED' and next_attempt_at is null"
        )
        assert session.execute(fresh).rowcount == 50
        connection.execute("commit")
    with closing(clone.connect()) as holder, closing(clone.connect()) as worker:
        due = [
            row[0]
            for row in holder.execute(
                "select id::text from public.jobs where status = 'QUEUED' and next_attempt_at <= now()"
                " order by priority desc, queued_at, id"
            )
        ]
        held = "select from public.jobs where id = any(%s::uuid[]) for no key update"
        assert (len(due), holder.execute(held, [due[:40]]).rowcount) == (50, 40)
        assert [row[0] for row in worker.execute(CLAIM, ["w", 3])] == due[40:43]


def test_eight_workers_and_a_canceller_share_the_queue(clone: Database) -> None:
    with closing(clone.connect(autocommit=True)) as connection:
        session = Session(connection, owner=clone.owner)
        erin = fill(session)
        assert session.value(WAITING, [erin]) == 50
        connection.execute("commit")

    def work(number: int) -> list[str]:
        done: list[str] = []
        with closing(clone.connect(autocommit=True)) as connection:
            idle = 0
            while idle < 20:
                rows = connection.execute(CLAIM, [f"w{number}", number % 3 + 1]).fetchall()
                idle = 0 if rows else idle + 1
                done += [row[0] for row in rows]
        return done

    def cancel() -> list[str]:
        with closing(clone.connect(autocommit=True)) as connection:
            return [
                row[0]
                for attempt in range(30)
                for row in connection.execute(CANCEL, [erin, str(attempt)]).fetchall()
            ]

    with ThreadPoolExecutor(9) as threads:
        canceller, workers = threads.submit(cancel), [threads.submit(work, n) for n in range(8)]
        cancelled, claimed = canceller.result(), [job for worker in workers for job in worker.result()]
    assert len(claimed) == len(set(claimed))
    assert not set(claimed) & set(cancelled)
    with closing(clone.connect(autocommit=True)) as connection:
        session = Session(connection, owner=clone.owner)
        query = "select status::text, count(*) from public.jobs where user_id = %s group by 1"
        found = {row["status"]: row["count"] for row in session.execute(query, [erin]).rows}
        assert found.get("TRANSCRIBING", 0) == len(claimed)
        assert found.get("CANCELLED", 0) == len(cancelled)
        # What is still queued waits for its retry.
        assert found.get("QUEUED", 0) == session.value(WAITING, [erin]) == 150 - len(claimed) - len(cancelled)
        assert find_disagreements(session) == []
