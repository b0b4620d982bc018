"""What the database says about credits at one moment, as values; how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pgassay.database import Session


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user's balance and totals, and whether the account is closed or suspended."""

    credits: int = 0
    purchased: int = 0
    used: int = 0
    is_closed: bool = False
    is_active: bool = True


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as far as credits depend on it."""

    user: str
    status: str
    cost: int = 1
    progress: int = 0
    retries: int = 0
    worker: str | None = None


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A payment; `shortfall` is what a claw-back could not take."""

    user: str
    provider: str
    status: str
    credits: int
    reference: str | None = None
    shortfall: int = 0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the ledger."""

    user: str
    type: str
    amount: int
    balance_after: int
    job: str | None = None
    payment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything about credits: rows by their ids, and the ledger in the order of posting."""

    accounts: Mapping[str, Account]
    jobs: Mapping[str, Job]
    payments: Mapping[str, Payment]
    entries: tuple[Entry, ...]


_READ = """
    select
        (
            select json_object_agg(u.id, json_build_object(
                'credits', u.credits, 'purchased', u.total_credits_purchased, 'used', u.total_credits_used,
                'is_closed', u.deleted_at is not null, 'is_active', u.is_active
            )) from public.users as u
        ) as accounts,
        (
            select json_object_agg(j.id, json_build_object(
                'user', j.user_id, 'status', j.status, 'cost', j.credits_cost,
                'progress', j.progress_percentage, 'retries', j.retry_count, 'worker', j.worker_id
            )) from public.jobs as j
        ) as jobs,
        (
            select json_object_agg(p.id, json_build_object(
                'user', p.user_id, 'provider', p.provider, 'status', p.status, 'credits', p.credits_purchased,
                'reference', p.provider_transaction_id,
                'shortfall', coalesce((p.metadata ->> 'shortfall')::integer, 0)
            )) from public.payments as p
        ) as payments,
        (
            select json_agg(json_build_object(
                'user', t.user_id, 'type', t.type, 'amount', t.amount, 'balance_after', t.balance_after,
                'job', t.job_id, 'payment', t.payment_id
            ) order by t.id) from public.credit_transactions as t
        ) as entries
"""


def read_snapshot(session: Session) -> Snapshot:
    """The state; the session acts as the owner of the schema, who sees everything."""
    found: dict[str, Any] = session.execute(_READ).rows[0]
    return Snapshot(
        accounts={id: Account(**row) for id, row in (found["accounts"] or {}).items()},
        jobs={id: Job(**row) for id, row in (found["jobs"] or {}).items()},
        payments={id: Payment(**row) for id, row in (found["payments"] or {}).items()},
        entries=tuple(Entry(**row) for row in found["entries"] or ()),
    )
