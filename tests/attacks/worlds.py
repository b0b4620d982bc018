"""Random worlds that differ only in what belongs to others."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from hypothesis import strategies as st

from pgassay.database import Session
from tests.attacks.attack import ALICE, BOB, DAVE

EVE = "e0e00000-0000-4000-8000-000000000009"
STATES = (
    *("PENDING", "UPLOADING", "QUEUED", "TRANSCRIBING", "ANALYZING"),
    *("RENDERING", "COMPLETED", "FAILED", "CANCELLED"),
)
# The same few names for what others have and for what Alice asks: else they would seldom meet.
OTHERS = st.sampled_from((BOB, EVE, DAVE))
JOBS = st.sampled_from([f"{BOB[:-3]}90{n}" for n in range(4)])
PAYMENTS = st.sampled_from([f"{BOB[:-3]}80{n}" for n in range(3)])
TITLES = st.sampled_from(("Secret", "Pending", "7"))
REQUESTS = st.sampled_from(("r-1", "request-101"))
REFERENCES = st.sampled_from(("pi_1", "pi_2"))
FILES = st.sampled_from(("a.mp4", "completed.mp4"))
BUCKETS = st.sampled_from(("raw-videos", "final-videos"))


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody else's row in users: Bob's is changed, Eve's added, Dave's stays closed."""

    id: str
    full_name: str
    email: str
    credits: int
    subscription_tier: str
    closed: bool
    has_preferences: bool


@dataclass(frozen=True, kw_only=True)
class Job:
    """Somebody else's job."""

    id: str
    user_id: str
    job_name: str
    status: str
    client_request_id: str | None
    credits_cost: int


@dataclass(frozen=True, kw_only=True)
class Payment:
    """Somebody else's payment."""

    id: str
    user_id: str
    status: str
    provider_transaction_id: str


@dataclass(frozen=True, kw_only=True)
class File:
    """Somebody else's object in storage."""

    bucket_id: str
    user_id: str
    file: str


@dataclass(frozen=True, kw_only=True)
class World:
    """What others have. Their ledger is that of fixtures/world.sql, and Bob's `entries` more."""

    accounts: tuple[Account, ...]
    jobs: tuple[Job, ...]
    payments: tuple[Payment, ...]
    entries: tuple[int, ...]
    files: tuple[File, ...]
    retired: tuple[str, ...]


ACCOUNT = st.builds(
    Account,
    id=st.sampled_from((BOB, EVE)),
    full_name=st.sampled_from(("Bob", "Alice", "Mallory")),
    email=st.sampled_from(("x@example.com", "alice@example.com")),
    credits=st.integers(0, 3),
    subscription_tier=st.sampled_from(("free", "pro")),
    closed=st.booleans(),
    has_preferences=st.booleans(),
)
JOB = st.builds(
    Job,
    id=JOBS,
    user_id=OTHERS,
    job_name=TITLES,
    status=st.sampled_from(STATES),
    client_request_id=st.none() | REQUESTS,
    credits_cost=st.integers(1, 3),
)
PAYMENT = st.builds(
    Payment,
    id=PAYMENTS,
    user_id=OTHERS,
    status=st.sampled_from(("PENDING", "COMPLETED", "FAILED", "REFUNDED", "CANCELLED")),
    provider_transaction_id=REFERENCES,
)
WORLDS = st.builds(
    World,
    accounts=st.lists(ACCOUNT, max_size=2, unique_by=lambda account: account.id).map(tuple),
    jobs=st.lists(JOB, max_size=4).map(tuple),
    payments=st.lists(PAYMENT, max_size=3).map(tuple),
    entries=st.lists(st.integers(1, 3), max_size=3).map(tuple),
    files=st.lists(st.builds(File, bucket_id=BUCKETS, user_id=OTHERS, file=FILES), max_size=2).map(tuple),
    retired=st.lists(st.sampled_from(("Secret Pack", "Old Pack")), max_size=1).map(tuple),
)

# Nothing here may fail on a schema that is stricter than ours: what does not fit is left out.
_INSTALL = {
    "accounts": """
        with a as (
            select * from jsonb_to_recordset(%s) as a (id uuid, full_name text, email text, credits int,
                subscription_tier text, closed boolean, has_preferences boolean)
        ), written as (
            insert into public.users (id, full_name, email, credits, subscription_tier, deleted_at)
            select id, full_name, email, credits, subscription_tier, case when closed then now() end from a
            on conflict (id) do update set full_name = excluded.full_name, email = excluded.email,
                credits = excluded.credits, subscription_tier = excluded.subscription_tier,
                deleted_at = excluded.deleted_at
        ), gone as (
            delete from public.user_preferences where user_id in (select id from a where not has_preferences)
        )
        insert into public.user_preferences (user_id, theme) select id, 'dark' from a where has_preferences
        on conflict (user_id) do update set theme = 'dark'
    """,
    "jobs": """
        insert into public.jobs (id, user_id, job_name, status, client_request_id, credits_cost,
            progress_percentage, lease_expires_at, completed_at)
        select id, user_id, job_name, status, client_request_id, credits_cost,
            case when status = 'COMPLETED' then 100 else 0 end,
            case when status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING') then now() end,
            case when status in ('COMPLETED', 'FAILED', 'CANCELLED') then now() end
        from jsonb_to_recordset(%s) as j (id uuid, user_id uuid, job_name text, status public.job_status,
            client_request_id text, credits_cost int)
        on conflict do nothing
    """,
    "payments": """
        insert into public.payments (id, user_id, package_id, provider, provider_transaction_id, amount_thb,
            credits_purchased, status, paid_at, refunded_at)
        select j.id, j.user_id, c.id, 'STRIPE', j.provider_transaction_id, c.price_thb, c.credits, j.status,
            case when j.status in ('COMPLETED', 'REFUNDED') then now() end,
            case when j.status = 'REFUNDED' then now() end
        from jsonb_to_recordset(%s) as j (id uuid, user_id uuid, status public.payment_status,
            provider_transaction_id text) inner join public.credit_packages as c on c.name = 'Starter Pack'
        on conflict do nothing
    """,
    "entries": f"""
        insert into public.credit_transactions (user_id, type, amount, balance_after)
        select '{BOB}', 'BONUS', e::int, e::int from jsonb_array_elements_text(%s) as e
    """,
    "files": """
        insert into storage.objects (bucket_id, name)
        select bucket_id, user_id || '/' || file
        from jsonb_to_recordset(%s) as f (bucket_id text, user_id text, file text)
        on conflict do nothing
    """,
    "retired": """
        insert into public.credit_packages (name, credits, price_thb, is_active)
        select e, 1, 1, false from jsonb_array_elements_text(%s) as e
    """,
}


_EMPTY = f"""
    with jobs as (delete from public.jobs where user_id <> '{ALICE}'),
    payments as (delete from public.payments where user_id <> '{ALICE}'),
    preferences as (delete from public.user_preferences where user_id <> '{ALICE}'),
    packages as (delete from public.credit_packages where not is_active)
    delete from storage.objects where name not like '{ALICE}/%'
"""


def empty(session: Session) -> None:
    """Remove what others have, but for their accounts and the ledger, as the owner, past the triggers."""
    session.execute("set local session_replication_role = replica")
    session.execute(_EMPTY)
    session.execute("set local session_replication_role = origin")


def install(session: Session, world: World) -> None:
    """Write what others have, as the owner, past the triggers."""
    session.execute("set local session_replication_role = replica")
    for name, rows in asdict(world).items():
        if rows:
            session.execute(_INSTALL[name], [json.dumps(rows)])
    session.execute("set local session_replication_role = origin")
