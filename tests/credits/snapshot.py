"""What the database says about credits at one moment, as values; how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """A job as far as credits depend on it; `is_attempted` while an attempt has a token."""

    user: str
    status: str
    cost: int = 1
    priority: int = 0
    progress: int = 0
    retries: int = 0
    worker: str | None = None
    has_video: bool = True
    has_output: bool = False
    is_attempted: bool = False


@dataclass(frozen=True, kw_only=True)
class Payment:
    """A payment; `shortfall` is what its metadata says is owed of it."""

    user: str
    provider: str
    status: str
    credits: int
    reference: str | None = None
    shortfall: int = 0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the ledger; its metadata tells which payment it is `about`, or what it `recovered`."""

    user: str
    type: str
    amount: int
    balance_after: int
    job: str | None = None
    payment: str | None = None
    about: str | None = None
    recovered: int = 0


@dataclass(frozen=True, kw_only=True)
class Debt:
    """A line about debts. A shortfall comes `after` so many entries; others lower the one at a place."""

    user: str
    payment: str
    kind: str
    credits: int
    is_partial: bool = False
    after: int | None = None
    lowers: int | None = None
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """A partial refund."""

    payment: str
    credits: int


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything about credits: rows by their ids; entries and lines in the order of posting.

    `parts` are by their idempotency keys; `trials` tells how many names of persons had the free trial.
    """

    accounts: Mapping[str, Account]
    jobs: Mapping[str, Job]
    payments: Mapping[str, Payment]
    entries: tuple[Entry, ...]
    debts: tuple[Debt, ...] = ()
    parts: Mapping[str, Part] = field(default_factory=dict)
    trials: int = 0


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
                'priority', j.priority, 'progress', j.progress_percentage, 'retries', j.retry_count,
                'worker', j.worker_id, 'has_video', j.input_video_path is not null,
                'has_output', j.output_video_path is not null, 'is_attempted', j.attempt_token is not null
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
                'job', t.job_id, 'payment', t.payment_id, 'about', t.metadata ->> 'payment',
                'recovered', coalesce((t.metadata ->> 'recovered')::integer, 0)
            ) order by t.id) from public.credit_transactions as t
        ) as entries,
        (
            select json_agg(json_build_object(
                'user', d.user_id, 'payment', d.payment_id, 'kind', d.kind, 'credits', d.credits,
                'is_partial', d.is_partial, 'after', d.after, 'lowers', d.lowers,
                'key', d.idempotency_key
            ) order by d.id) from (
                select
                    l.*,
                    case when l.after_entry is not null then
                        (select count(*) from public.credit_transactions as t where t.id <= l.after_entry)
                    end as after,
                    case when l.shortfall_id is not null then
                        (select count(*) from private.debts as s where s.id < l.shortfall_id)
                    end as lowers
                from private.debts as l
            ) as d
        ) as debts,
        (
            select json_object_agg(r.idempotency_key, json_build_object(
                'payment', r.payment_id, 'credits', r.credits
            )) from private.partial_refunds as r
        ) as parts,
        (select count(*) from private.trial_takers) as trials
"""


def read_snapshot(session: Session) -> Snapshot:
    """The state; the session acts as the owner of the schema, who sees everything."""
    found: dict[str, Any] = session.execute(_READ).rows[0]
    return Snapshot(
        accounts={id: Account(**row) for id, row in (found["accounts"] or {}).items()},
        jobs={id: Job(**row) for id, row in (found["jobs"] or {}).items()},
        payments={id: Payment(**row) for id, row in (found["payments"] or {}).items()},
        entries=tuple(Entry(**row) for row in found["entries"] or ()),
        debts=tuple(Debt(**row) for row in found["debts"] or ()),
        parts={key: Part(**row) for key, row in (found["parts"] or {}).items()},
        trials=found["trials"],
    )
