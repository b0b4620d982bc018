"""The calls of the oracle as SQL, each made by the role that its caller names."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pgassay.database import Session
from pgassay.observation import Persona
from tests.credits.oracle import BACKEND, JobOrder, PaymentOrder
from tests.shared.accounts import SERVICE

ANON, OWNER = "a visitor", "the owner"
"""Who acts, beside the backend and the users, which go by their id."""
_PERSONAS = {BACKEND: SERVICE, ANON: Persona(name="anon", role="anon")}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What became of a statement: its SQLSTATE, or how many rows it touched; ids and tokens if it says."""

    sqlstate: str
    touched: int
    ids: tuple[str, ...]
    tokens: tuple[str, ...] = ()


class SqlCalls:
    """A session, and whoever acts in it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # Accounts

    def sign_up(self, users: Sequence[str], person: str | None) -> Answer:
        return self._as(OWNER, _SIGN_UP, {"users": users, "person": person})

    def suspend(self, user: str, active: bool) -> Answer:
        return self._as(BACKEND, "update public.users set is_active = %s where id = %s", [active, user])

    def close(self, user: str) -> Answer:
        return self._as(BACKEND, "update public.users set deleted_at = now() where id = %s", [user])

    def leave(self, user: str, *, for_good: bool) -> Answer:
        mark = "update auth.users set deleted_at = now() where id = %s"
        return self._as(OWNER, "delete from auth.users where id = %s" if for_good else mark, [user])

    def grant(self, user: str, kind: str, amount: int, key: str | None) -> Answer:
        return self._as(
            BACKEND, "select public.grant_credits(%s, %s, %s, 'Model', %s)", [user, amount, kind, key]
        )

    def close_own(self, user: str) -> Answer:
        return self._as(user, "select public.close_my_account()")

    def reopen(self, user: str) -> Answer:
        return self._as(BACKEND, "select 1 where public.reopen_account(%s)", [user])

    def set_tier(self, user: str, tier: str) -> Answer:
        return self._as(BACKEND, "update public.users set subscription_tier = %s where id = %s", [tier, user])

    def fill(self, user: str, amount: int) -> Answer:
        return self._as(OWNER, "select private.post_entry(%s, 'BONUS', %s)", [user, amount])

    # Jobs

    def add_jobs(self, by: str, orders: Sequence[JobOrder], *, skip_conflicts: bool) -> Answer:
        own = by != BACKEND
        return self._as(by, _ADD_OWN_JOBS if own else _ADD_JOBS, _rows(orders), skip_conflicts=skip_conflicts)

    def move_jobs(self, by: str, moves: Mapping[str, str]) -> Answer:
        query = _MOVE_JOBS if by == BACKEND else _MOVE_OWN_JOBS
        said = self._as(by, query, {"jobs": list(moves), "statuses": list(moves.values())})
        if "QUEUED" in moves.values():
            self._stop_the_clock()
        return said

    def reprice(self, jobs: Collection[str], cost: int) -> Answer:
        update = "update public.jobs set credits_cost = %s where id = any(%s)"
        return self._as(BACKEND, update, [cost, list(jobs)])

    def attach(self, jobs: Collection[str]) -> Answer:
        update = "update public.jobs set input_video_path = user_id || '/in.mp4' where id = any(%s)"
        return self._as(BACKEND, update, [list(jobs)])

    def report(self, job: str, progress: int) -> Answer:
        return self._as(
            BACKEND, "update public.jobs set progress_percentage = %s where id = %s", [progress, job]
        )

    # The queue

    def claim(self, worker: str, count: int) -> Answer:
        return self._as(BACKEND, _CLAIM, [worker, count])

    def heartbeat(self, job: str, token: str, stage: str | None) -> Answer:
        beat = "select 1 where public.heartbeat_job(%s, %s, interval '1 hour', %s)"
        return self._as(BACKEND, beat, [job, token, stage])

    def complete(self, job: str, token: str) -> Answer:
        complete = (
            "select 1 from public.jobs where id = %s and public.complete_job(id, %s, user_id || '/out.mp4')"
        )
        return self._as(BACKEND, complete, [job, token])

    def fail(self, job: str, token: str, retry: bool) -> Answer:
        said = self._as(BACKEND, "select 1 where public.fail_job(%s, %s, 'Model', %s)", [job, token, retry])
        self._stop_the_clock()
        return said

    def beat(self, job: str, worker: str) -> Answer:
        return self._as(BACKEND, _BEAT, [job, worker])

    def expire(self, jobs: Collection[str]) -> Answer:
        return self._as(BACKEND, _EXPIRE, [list(jobs)])

    def reclaim(self) -> Answer:
        said = self._as(BACKEND, "select id::text from public.reclaim_expired_jobs()")
        self._stop_the_clock()
        return said

    def wait(self) -> Answer:
        return self._as(
            BACKEND, "update public.jobs set next_attempt_at = '-infinity' where next_attempt_at = 'infinity'"
        )

    # Payments

    def order(self, orders: Sequence[PaymentOrder], *, skip_conflicts: bool) -> Answer:
        return self._as(BACKEND, _ORDER, _rows(orders), skip_conflicts=skip_conflicts)

    def move_payments(self, payments: Collection[str], status: str) -> Answer:
        update = "update public.payments set status = %s where id = any(%s)"
        return self._as(BACKEND, update, [status, list(payments)])

    def webhook(self, payment: str, event: str, status: str, reference: str | None) -> Answer:
        values = {"payment": payment, "event": event, "status": status, "reference": reference}
        return self._as(BACKEND, _WEBHOOK, values)

    # Debts

    def settle(self, user: str, amount: int, key: str | None) -> Answer:
        return self._as(BACKEND, "select public.settle_debt(%s, %s, 'Model', %s)", [user, amount, key])

    def refund_partially(self, payment: str, credits: int, key: str) -> Answer:
        refund = "select public.refund_partially(%s, %s, 'Model', %s)"
        return self._as(BACKEND, refund, [payment, credits, key])

    def reinstate(self, payment: str) -> Answer:
        return self._as(BACKEND, "select public.reinstate_payment(%s)", [payment])

    # What nobody may

    def trespass(self, by: str, query: str, user: str) -> Answer:
        return self._as(by, query, {"user": user})

    def _stop_the_clock(self) -> None:
        """Let no next attempt come of itself, however slow the machine."""
        self._as(BACKEND, "update public.jobs set next_attempt_at = 'infinity' where next_attempt_at > now()")

    def _as(self, by: str, query: str, params: Any = None, *, skip_conflicts: bool = False) -> Answer:
        query = query.format(on_conflict="on conflict do nothing" if skip_conflicts else "")
        if by == OWNER:
            self._session.as_owner()
        else:
            self._session.act_as(_PERSONAS.get(by) or _persona(by))
        tried = self._session.attempt(query, params)
        ids, tokens = (tuple(row[name] for row in tried.rows if name in row) for name in ("id", "token"))
        return Answer(sqlstate=tried.sqlstate, touched=tried.rowcount, ids=ids, tokens=tokens)


def _persona(user: str) -> Persona:
    return Persona(name=user, role="authenticated", claims={"sub": user})


def _rows(orders: Sequence[Any]) -> list[str]:
    return [json.dumps([asdict(order) for order in orders])]


_SIGN_UP = """
    insert into auth.users (id, email, is_anonymous, raw_user_meta_data)
    select
        u,
        %(person)s::text || '+' || u || '@example.com',
        %(person)s::text is null,
        jsonb_build_object('credits', 1000, 'total_credits_purchased', 1000)
    from unnest(%(users)s::uuid[]) as u
"""
_ADD_JOBS = """
    insert into public.jobs (
        user_id, status, credits_cost, priority, max_retries, client_request_id, input_video_path
    )
    select
        o."user", o.status, o.cost, o.priority, o.max_retries, o.request,
        case when o.has_video then o."user" || '/in.mp4' end
    from json_to_recordset(%s) as o (
        "user" uuid, status public.job_status, cost integer, priority integer, max_retries integer,
        request text, has_video boolean
    )
    {on_conflict} returning id::text
"""
_ADD_OWN_JOBS = """
    insert into public.jobs (user_id, status, client_request_id, input_video_path)
    select o."user", o.status, o.request, case when o.has_video then o."user" || '/in.mp4' end
    from json_to_recordset(%s) as o ("user" uuid, status public.job_status, request text, has_video boolean)
    {on_conflict} returning id::text
"""
_MOVE_JOBS = """
    update public.jobs as j set
        status = m.status,
        output_video_path = case
            when m.status = 'COMPLETED' and j.status = 'RENDERING' then j.user_id || '/out.mp4'
            else j.output_video_path
        end
    from unnest(%(jobs)s::uuid[], %(statuses)s::public.job_status[]) as m (id, status)
    where j.id = m.id
"""
_MOVE_OWN_JOBS = """
    update public.jobs as j set status = m.status
    from unnest(%(jobs)s::uuid[], %(statuses)s::public.job_status[]) as m (id, status)
    where j.id = m.id
"""
_CLAIM = """
    select id::text, attempt_token::text as token from public.claim_next_jobs(%s, %s, interval '1 hour')
"""
_BEAT = """
    update public.jobs set lease_expires_at = now() + interval '1 hour' where id = %s and worker_id = %s
"""
_EXPIRE = """
    update public.jobs set lease_expires_at = now()
    where id = any(%s) and status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING')
"""
_ORDER = """
    insert into public.payments (user_id, package_id, provider, status, provider_transaction_id)
    select
        o."user",
        (select c.id from public.credit_packages as c where c.credits = o.credits),
        o.provider,
        o.status,
        o.reference
    from json_to_recordset(%s) as o (
        "user" uuid, provider public.payment_provider, credits integer, status public.payment_status,
        reference text
    )
    {on_conflict} returning id::text
"""
_WEBHOOK = """
    with event as (
        insert into public.webhook_logs (provider, event_id, event_type, payment_id)
        select p.provider, %(event)s, 'payment', p.id from public.payments as p where p.id = %(payment)s
        on conflict do nothing returning payment_id
    )

    update public.payments as p
    set status = %(status)s, provider_transaction_id = coalesce(p.provider_transaction_id, %(reference)s)
    from event where p.id = event.payment_id
"""
