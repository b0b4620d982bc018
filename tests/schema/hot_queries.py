"""The queries that run all the time, and the index that each was given (section 7 of the specification)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ALICE = "a11ce000-0000-4000-8000-000000000001"


@dataclass(frozen=True, kw_only=True)
class HotQuery:
    """A query that runs all the time: as whom, and by which index."""

    name: str
    persona: str
    index: str
    query: str
    params: tuple[Any, ...] = ()


HOT_QUERIES = [
    HotQuery(
        name="next job",
        persona="service",
        index="jobs_next_idx",
        query="""select id from public.jobs
            where status = 'QUEUED' and (next_attempt_at is null or next_attempt_at <= statement_timestamp())
            order by priority desc, queued_at, id limit %s for no key update skip locked""",
        params=(10,),
    ),
    HotQuery(
        name="expired leases",
        persona="service",
        index="jobs_lease_idx",
        query="""select id from public.jobs
            where status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING') and lease_expires_at < now()""",
    ),
    HotQuery(
        name="my jobs, newest first",
        persona="alice",
        index="jobs_user_newest_idx",
        query="select * from public.jobs order by created_at desc, id desc limit 20",
    ),
    HotQuery(
        name="a user's jobs for the backend",
        persona="service",
        index="jobs_user_newest_idx",
        query="select * from public.jobs where user_id = %s order by created_at desc, id desc limit 20",
        params=(ALICE,),
    ),
    HotQuery(
        name="next page of my jobs",
        persona="alice",
        index="jobs_user_newest_idx",
        query="""select * from public.jobs where (created_at, id) < (%s, %s)
            order by created_at desc, id desc limit 20""",
        params=("2025-02-01 00:00+00", "80000000-0000-4000-8000-000000000000"),
    ),
    HotQuery(
        name="my unpaid jobs",
        persona="alice",
        index="jobs_unpaid_idx",
        query="""select count(*) from public.jobs
            where user_id = (select auth.uid()) and status in ('PENDING', 'UPLOADING')""",
    ),
    HotQuery(
        name="my ledger, latest first",
        persona="alice",
        index="credit_transactions_user_latest_idx",
        query="select * from public.credit_transactions order by id desc limit 50",
    ),
    HotQuery(
        name="my payments, newest first",
        persona="alice",
        index="payments_user_newest_idx",
        query="select * from public.payments order by created_at desc limit 10",
    ),
    HotQuery(
        name="stale pending payments",
        persona="service",
        index="payments_pending_idx",
        query="""select * from public.payments where status = 'PENDING' and created_at < %s
            order by created_at limit 20""",
        params=("2025-02-01 00:00+00",),
    ),
    HotQuery(
        name="unprocessed webhooks",
        persona="service",
        index="webhook_logs_unprocessed_idx",
        query="select * from public.webhook_logs where not processed order by created_at limit 50",
    ),
    HotQuery(
        name="API cost per day and provider",
        persona="service",
        index="api_usage_logs_cost_idx",
        query="""select api_provider, sum(cost_usd) from public.api_usage_logs
            where created_at >= %s and created_at < %s group by api_provider""",
        params=("2025-01-20 00:00+00", "2025-01-21 00:00+00"),
    ),
    HotQuery(
        name="queue view",
        persona="service",
        index="jobs_status_idx",
        query="select * from public.job_queue_status",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A statement whose function, trigger or view must scan `index`, and must not read `table` whole."""

    name: str
    persona: str
    index: str
    table: str
    query: str


CALLS = [
    Call(
        name="next job",
        persona="service",
        index="jobs_next_idx",
        table="jobs",
        query="select * from public.claim_next_jobs('worker', 5, '5 minutes')",
    ),
    Call(
        name="expired leases",
        persona="service",
        index="jobs_lease_idx",
        table="jobs",
        query="select * from public.reclaim_expired_jobs()",
    ),
    Call(
        name="cap of unpaid jobs",
        persona="alice",
        index="jobs_unpaid_idx",
        table="jobs",
        query=f"insert into public.jobs (user_id) values ('{ALICE}')",
    ),
    Call(
        name="idempotency key",
        persona="service",
        index="credit_transactions_key_once",
        table="credit_transactions",
        query=f"select public.grant_credits('{ALICE}', 1, 'BONUS', null, 'fresh')",
    ),
    Call(
        name="what was charged",
        persona="service",
        index="credit_transactions_job_once",
        table="credit_transactions",
        query=f"""update public.jobs set status = 'CANCELLED' where id = (
            select id from public.jobs where user_id = '{ALICE}' and status = 'QUEUED' limit 1)""",
    ),
    Call(
        name="user_stats",
        persona="alice",
        index="credit_transactions_user_latest_idx",
        table="credit_transactions",
        query="select * from public.user_stats",
    ),
    Call(
        name="user_stats",
        persona="alice",
        index="jobs_user_newest_idx",
        table="jobs",
        query="select * from public.user_stats",
    ),
    Call(
        name="queue view",
        persona="service",
        index="jobs_status_idx",
        table="jobs",
        query="select * from public.job_queue_status",
    ),
]
QUERIED_INDEXES = {hot.index for hot in HOT_QUERIES} | {call.index for call in CALLS}
