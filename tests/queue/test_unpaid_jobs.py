"""A user has at most 100 unpaid jobs: PENDING or UPLOADING."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import BOB, open_account, triggers_asleep

FILL = """
    insert into public.jobs (user_id, status, input_video_path)
    select u.id, s.status::public.job_status, u.id || '/in.mp4'
    from (values (%s::uuid)) as u (id), (values (%s)) as s (status), generate_series(1, %s)
"""
COUNT = "select count(*) from public.jobs where user_id = %s and status in ('PENDING', 'UPLOADING')"


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user with 2 credits and 100 unpaid jobs, of both kinds."""
    erin = open_account(backend, "erin", credits=2)
    backend.execute(FILL, [erin.id, "PENDING", 60])
    backend.execute(FILL, [erin.id, "UPLOADING", 40])
    return erin


@pytest.mark.parametrize("status", ["PENDING", "UPLOADING"])
def test_job_number_101_is_refused(backend: Session, erin: Persona, status: str) -> None:
    tried = backend.attempt(FILL, [erin.id, status, 1])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT429")
    assert backend.value(COUNT, [erin.id]) == 100


@pytest.mark.parametrize(("number", "sqlstate", "kept"), [(100, "", 100), (101, "PT429", 0)])
def test_statement_is_held_to_the_cap_as_a_whole(
    backend: Session, number: int, sqlstate: str, kept: int
) -> None:
    frank = open_account(backend, "frank")
    assert backend.attempt(FILL, [frank.id, "PENDING", number]).sqlstate == sqlstate
    assert backend.value(COUNT, [frank.id]) == kept


def test_browser_is_held_to_the_cap(session: Session, alice: Persona) -> None:
    session.act_as(alice)
    assert session.value(COUNT, [alice.id]) == 2
    assert session.attempt(FILL, [alice.id, "PENDING", 98]).rowcount == 98
    assert session.attempt(FILL, [alice.id, "PENDING", 1]).sqlstate == "PT429"


@pytest.mark.parametrize("status", ["QUEUED", "CANCELLED", "FAILED"])
def test_job_that_is_paid_or_over_makes_room(backend: Session, erin: Persona, status: str) -> None:
    settle = """
        update public.jobs set status = %s
        where id = (select id from public.jobs where user_id = %s and status = 'UPLOADING' limit 1)
    """
    assert backend.execute(settle, [status, erin.id]).rowcount == 1
    assert backend.attempt(FILL, [erin.id, "PENDING", 2]).sqlstate == "PT429"
    assert backend.attempt(FILL, [erin.id, "PENDING", 1]).rowcount == 1


def test_who_is_above_the_cap_may_add_paid_jobs(backend: Session, erin: Persona) -> None:
    with triggers_asleep(backend):
        backend.execute(FILL, [erin.id, "PENDING", 1])
    assert backend.attempt(FILL, [erin.id, "PENDING", 1]).sqlstate == "PT429"
    assert backend.attempt(FILL, [erin.id, "QUEUED", 1]).rowcount == 1


def test_cap_leaves_moves_paid_jobs_and_other_users_alone(backend: Session, erin: Persona) -> None:
    move = "update public.jobs set status = 'UPLOADING' where user_id = %s and status = 'PENDING'"
    assert backend.execute(move, [erin.id]).rowcount == 60
    assert backend.attempt(FILL, [erin.id, "QUEUED", 2]).rowcount == 2
    assert backend.attempt(FILL, [BOB, "PENDING", 1]).rowcount == 1
