"""Credits are taken once, when a job first enters the queue, or the whole statement fails."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import (
    ALICE,
    ALICE_JOBS,
    add_job,
    open_account,
    read_books,
    read_job,
)

QUEUE = "update public.jobs set status = 'QUEUED' where id = %s"
INSERT = """
    insert into public.jobs (user_id, status, input_video_path)
    values (%(user)s::uuid, %(status)s, %(user)s::uuid || '/in.mp4')
"""
JOB_IDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(5)]


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user with 10 credits."""
    return open_account(backend, "erin", credits=10)


def count_jobs(session: Session, user: str | None) -> int:
    with session.as_owner():
        return int(session.value("select count(*) from public.jobs where user_id = %s", [user]))


def test_job_inserted_as_queued_is_charged_its_cost(backend: Session, erin: Persona) -> None:
    job = add_job(backend, erin.id, status="QUEUED", cost=3)
    books = read_books(backend, erin.id)
    assert books.entries == [("BONUS", 10, 10), ("USAGE", -3, 7)]
    assert (books.credits, books.purchased, books.used) == (7, 0, 3)
    query = "select user_id::text, amount from public.credit_transactions where job_id = %s"
    assert backend.execute(query, [job]).rows == [{"user_id": erin.id, "amount": -3}]


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING"])
def test_job_is_charged_when_it_moves_to_queued_and_not_before(
    backend: Session, erin: Persona, status: str
) -> None:
    job = add_job(backend, erin.id, status=status, cost=3)
    assert read_books(backend, erin.id).entries == [("BONUS", 10, 10)]
    backend.execute(QUEUE, [job])
    assert read_books(backend, erin.id).entries == [("BONUS", 10, 10), ("USAGE", -3, 7)]


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING"])
def test_browser_pays_one_credit_for_queueing(session: Session, alice: Persona, status: str) -> None:
    before = read_books(session, alice.id)
    session.act_as(alice)
    assert session.attempt(QUEUE, [ALICE_JOBS[status]]).rowcount == 1
    assert session.attempt(INSERT, {"user": alice.id, "status": "QUEUED"}).rowcount == 1
    after = read_books(session, alice.id)
    assert after.since(before) == [("USAGE", -1, before.credits - 1), ("USAGE", -1, before.credits - 2)]
    assert after.credits == before.credits - 2


def test_browser_does_not_choose_the_cost(session: Session, alice: Persona) -> None:
    session.act_as(alice)
    insert = "insert into public.jobs (user_id, {}) values (%s, {})"
    tried = session.attempt(insert.format("credits_cost", "1"), [alice.id])
    assert tried.outcome is Outcome.DENIED_GRANT
    tried = session.attempt("update public.jobs set credits_cost = 1 where id = %s", [ALICE_JOBS["PENDING"]])
    assert tried.outcome is Outcome.DENIED_GRANT
    assert session.attempt(insert.format("status", "'PENDING'"), [alice.id]).outcome is Outcome.ALLOWED


def test_cost_set_while_queueing_is_the_cost_that_is_charged(backend: Session, erin: Persona) -> None:
    job = add_job(backend, erin.id)
    backend.execute("update public.jobs set status = 'QUEUED', credits_cost = 4 where id = %s", [job])
    assert read_books(backend, erin.id).entries[1:] == [("USAGE", -4, 6)]


def test_rows_of_one_insert_are_charged_one_by_one_in_order_of_id(backend: Session, erin: Persona) -> None:
    frank = open_account(backend, "frank", credits=2)
    rows = [
        (JOB_IDS[3], erin.id, 3),
        (JOB_IDS[1], erin.id, 1),
        (JOB_IDS[2], frank.id, 2),
        (JOB_IDS[0], erin.id, 5),
    ]
    backend.execute(
        "insert into public.jobs (id, user_id, status, credits_cost, input_video_path)"
        " select j.id, j.owner, 'QUEUED', j.cost, j.owner || '/in.mp4'"
        " from unnest(%s::uuid[], %s::uuid[], %s::int[]) as j (id, owner, cost)",
        [list(column) for column in zip(*rows, strict=True)],
    )
    assert read_books(backend, erin.id).entries[1:] == [("USAGE", -5, 5), ("USAGE", -1, 4), ("USAGE", -3, 1)]
    assert read_books(backend, frank.id).entries[1:] == [("USAGE", -2, 0)]


def test_rows_of_one_update_are_charged_one_by_one(backend: Session, erin: Persona) -> None:
    for status, cost in (("PENDING", 4), ("UPLOADING", 4), ("QUEUED", 1)):
        add_job(backend, erin.id, status=status, cost=cost)
    assert (
        backend.execute("update public.jobs set status = 'QUEUED' where user_id = %s", [erin.id]).rowcount
        == 3
    )
    assert read_books(backend, erin.id).entries[1:] == [("USAGE", -1, 9), ("USAGE", -4, 5), ("USAGE", -4, 1)]


def test_the_last_credit_can_be_spent_and_no_more(backend: Session, erin: Persona) -> None:
    add_job(backend, erin.id, status="QUEUED", cost=10)
    before = read_books(backend, erin.id)
    tried = backend.attempt(INSERT, {"user": erin.id, "status": "QUEUED"})
    assert (tried.outcome, tried.sqlstate, tried.message) == (Outcome.REJECTED, "PT402", "not enough credits")
    assert tried.detail == ""
    assert (read_books(backend, erin.id), before.credits) == (before, 0)
    assert count_jobs(backend, erin.id) == 1


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING"])
def test_job_that_cannot_be_paid_stays_as_it_was(backend: Session, erin: Persona, status: str) -> None:
    job = add_job(backend, erin.id, status=status, cost=11)
    before, books = read_job(backend, job), read_books(backend, erin.id)
    tried = backend.attempt(QUEUE, [job])
    assert (tried.outcome, tried.sqlstate, tried.detail) == (Outcome.REJECTED, "PT402", "")
    assert (read_job(backend, job), read_books(backend, erin.id)) == (before, books)
    backend.execute("update public.jobs set credits_cost = 10 where id = %s", [job])
    assert backend.attempt(QUEUE, [job]).outcome is Outcome.ALLOWED


@pytest.mark.parametrize(("each", "sqlstate", "jobs"), [(5, "", 2), (6, "PT402", 0)])
def test_statement_with_several_jobs_is_paid_whole_or_not_at_all(
    backend: Session, erin: Persona, each: int, sqlstate: str, jobs: int
) -> None:
    insert = """
        insert into public.jobs (user_id, status, credits_cost, input_video_path)
        select %(user)s::uuid, 'QUEUED', %(cost)s, %(user)s::uuid || '/in.mp4' from generate_series(1, 2)
    """
    assert backend.attempt(insert, {"user": erin.id, "cost": each}).sqlstate == sqlstate
    assert count_jobs(backend, erin.id) == jobs
    assert len(read_books(backend, erin.id).entries) == 1 + jobs


def test_repeated_request_makes_one_job_and_charges_once(session: Session, alice: Persona) -> None:
    before = read_books(session, alice.id)
    insert = """
        insert into public.jobs (user_id, status, client_request_id, input_video_path)
        values (%(user)s::uuid, 'QUEUED', 'click', %(user)s::uuid || '/in.mp4')
    """
    user = {"user": alice.id}
    session.act_as(alice)
    assert session.attempt(f"{insert} on conflict do nothing", user).rowcount == 1
    assert session.attempt(f"{insert} on conflict do nothing", user).outcome is Outcome.FILTERED
    tried = session.attempt(insert, user)
    assert (tried.sqlstate, tried.constraint) == ("23505", "jobs_client_request_is_unique")
    assert read_books(session, alice.id).since(before) == [("USAGE", -1, before.credits - 1)]


def test_upsert_charges_a_job_once_whichever_branch_it_takes(backend: Session, erin: Persona) -> None:
    upsert = (
        "insert into public.jobs (id, user_id, status, credits_cost, input_video_path)"
        " values (%s, %s, %s, 2, %s) on conflict (id) do update set status = excluded.status"
    )
    for job, status in ((0, "QUEUED"), (0, "QUEUED"), (1, "PENDING"), (1, "QUEUED"), (1, "QUEUED")):
        row = [JOB_IDS[job], erin.id, status, f"{erin.id}/in.mp4"]
        assert backend.execute(upsert, row).rowcount == 1
    assert read_books(backend, erin.id).entries[1:] == [("USAGE", -2, 8), ("USAGE", -2, 6)]


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING", "QUEUED"])
@pytest.mark.parametrize(
    "changes", [["is_active = false"], ["deleted_at = now()"], ["deleted_at = now()", "is_active = true"]]
)
def test_closed_or_suspended_account_starts_no_job(
    backend: Session, erin: Persona, status: str, changes: list[str]
) -> None:
    job = {"user": erin.id, "status": status}
    assert backend.attempt(INSERT, job).rowcount == 1
    for change in changes:
        assert backend.execute(f"update public.users set {change} where id = %s", [erin.id]).rowcount == 1
    before = read_books(backend, erin.id)
    tried = backend.attempt(INSERT, job)
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT403")
    assert (count_jobs(backend, erin.id), read_books(backend, erin.id)) == (1, before)


@pytest.mark.parametrize("job", [ALICE_JOBS["PENDING"], ALICE_JOBS["UPLOADING"]])
def test_suspended_user_queues_no_job_of_before(session: Session, alice: Persona, job: str) -> None:
    suspend = "update public.users set is_active = %s where id = %s"
    before = read_books(session, ALICE)
    session.execute(suspend, [False, ALICE])
    with session.act_as(alice):
        tried = session.attempt(QUEUE, [job])
    assert (tried.outcome, tried.sqlstate, read_books(session, ALICE)) == (Outcome.REJECTED, "PT403", before)
    session.execute(suspend, [True, ALICE])
    with session.act_as(alice):
        assert session.attempt(QUEUE, [job]).outcome is Outcome.ALLOWED
