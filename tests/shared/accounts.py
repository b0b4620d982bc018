"""Accounts, their books and their jobs, for the tests of money. Everything here acts as the backend."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pgassay.database import Session
from pgassay.observation import Persona

SERVICE = Persona(name="service", role="service_role")

STATES = (
    *("PENDING", "UPLOADING", "QUEUED", "TRANSCRIBING", "ANALYZING"),
    *("RENDERING", "COMPLETED", "FAILED", "CANCELLED"),
)

ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
DAVE = "dead0000-0000-4000-8000-000000000003"
ALICE_JOBS = {status: f"{ALICE[:-3]}{number}" for number, status in enumerate(STATES, start=101)}
"""Alice's job in each state (fixtures/world.sql); those from QUEUED on were charged one credit."""

STAMPS = ("created_at", "queued_at", "started_at", "completed_at", "lease_expires_at", "next_attempt_at")
"""The times of a job that only its trigger and its worker write."""

SET_STATUS = """
    update public.jobs
    set status = %(status)s::public.job_status,
        output_video_path = case
            when %(status)s::public.job_status = 'COMPLETED' then user_id || '/out.mp4' else output_video_path
        end
    where id = %(job)s
"""
"""Moves a job; what is completed has a result."""

Entry = tuple[str, int, int]
"""Type, amount and balance_after of one entry of the ledger."""


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the database says about one user's credits; `entries` in the order of posting."""

    credits: int
    purchased: int
    used: int
    entries: list[Entry]

    def since(self, earlier: Books) -> list[Entry]:
        """The entries posted after `earlier` was read."""
        return self.entries[len(earlier.entries) :]


def open_account(session: Session, name: str, *, credits: int = 0) -> Persona:
    """Sign a new user up and give it credits as one BONUS; who it is as a browser's user."""
    user = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    with session.as_owner():
        session.execute("insert into auth.users (id, email) values (%s, %s)", [user, f"{name}@example.com"])
    if credits:
        with session.act_as(SERVICE):
            session.execute("select public.grant_credits(%s, %s, 'BONUS', 'Test')", [user, credits])
    return Persona(name=name, role="authenticated", claims={"sub": user})


def read_user(session: Session, user: str | None) -> dict[str, Any]:
    with session.act_as(SERVICE):
        (row,) = session.execute("select * from public.users where id = %s", [user]).rows
    return row


def read_books(session: Session, user: str | None) -> Books:
    with session.act_as(SERVICE):
        found = session.execute(
            "select credits, total_credits_purchased as purchased, total_credits_used as used"
            " from public.users where id = %s",
            [user],
        )
        entries = session.execute(
            "select type::text, amount, balance_after from public.credit_transactions"
            " where user_id = %s order by id",
            [user],
        )
    return Books(
        **found.rows[0], entries=[(e["type"], e["amount"], e["balance_after"]) for e in entries.rows]
    )


def find_disagreements(session: Session) -> list[dict[str, Any]]:
    """The users whose balance is not the sum of their ledger, or not its latest balance_after."""
    with session.as_owner():
        return session.execute("""
            select u.id, u.credits, l.total, l.latest
            from public.users as u, lateral (
                select coalesce(sum(t.amount), 0) as total,
                       coalesce((array_agg(t.balance_after order by t.id desc))[1], 0) as latest
                from public.credit_transactions as t where t.user_id = u.id
            ) as l
            where u.credits <> l.total or u.credits <> l.latest
        """).rows


def add_job(session: Session, user: str | None, *, status: str = "PENDING", cost: int = 1) -> str:
    """A new job, with its video; its id."""
    with session.act_as(SERVICE):
        job: str = session.value(
            "insert into public.jobs (user_id, status, credits_cost, input_video_path)"
            " values (%s, %s, %s, %s) returning id::text",
            [user, status, cost, f"{user}/in.mp4"],
        )
    return job


def move_job(session: Session, job: str, *statuses: str) -> None:
    """Take a job through `statuses`, one statement each; what is completed has a result."""
    with session.act_as(SERVICE):
        for status in statuses:
            session.execute(SET_STATUS, {"status": status, "job": job})


def read_job(session: Session, job: str) -> dict[str, Any]:
    with session.act_as(SERVICE):
        return session.execute("select * from public.jobs where id = %s", [job]).rows[0]


def tell_changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, str]:
    """What became of the times of a job that differ: set, moved or cleared."""
    return {
        name: "set" if before[name] is None else "cleared" if after[name] is None else "moved"
        for name in STAMPS
        if before[name] != after[name]
    }


@contextmanager
def triggers_asleep(session: Session) -> Iterator[None]:
    """As the owner, place what the triggers would never write, such as times."""
    with session.as_owner():
        session.execute("set local session_replication_role = replica")
        yield
        session.execute("set local session_replication_role = origin")
