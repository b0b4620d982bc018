"""The class Operation, and statements that several operations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.shared.accounts import ALICE, ALICE_JOBS
from tests.shared.payments import ALICE_PAYMENTS

ERIN = "e0000000-0000-4000-8000-000000000005"
JOB, PAYMENT = f"{ERIN[:-3]}101", f"{ERIN[:-3]}201"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A statement of `who`, after what the owner does in `setup`.

    `refused` is the SQLSTATE with which it ends, "" if it succeeds; `idle` tells that it changes nothing.
    """

    name: str
    who: Literal["alice", "service", "owner"]
    statement: str
    setup: tuple[str, ...] = ()
    refused: str = ""
    idle: bool = False


def alice(name: str, statement: str, *setup: str, refused: str = "") -> Operation:
    return Operation(name=name, who="alice", statement=statement, setup=setup, refused=refused)


def service(name: str, statement: str, *setup: str, refused: str = "", idle: bool = False) -> Operation:
    return Operation(name=name, who="service", statement=statement, setup=setup, refused=refused, idle=idle)


def owner(name: str, statement: str, *setup: str, refused: str = "", idle: bool = False) -> Operation:
    return Operation(name=name, who="owner", statement=statement, setup=setup, refused=refused, idle=idle)


def move(status: str, to: str, columns: str = "") -> str:
    """An update of Alice's job in a state."""
    output = ", output_video_path = user_id || '/out.mp4'" if to == "COMPLETED" else ""
    return f"update public.jobs set status = '{to}'{output}{columns} where id = '{ALICE_JOBS[status]}'"


def pay(status: str, change: str) -> str:
    """An update of Alice's payment in a state."""
    return f"update public.payments set {change} where id = '{ALICE_PAYMENTS[status]}'"


def order(package: str, values: str) -> str:
    return (
        "insert into public.payments (id, user_id, package_id, provider, status, credits_purchased)"
        f" select '{PAYMENT}', {values} from public.credit_packages as c where c.name = '{package}'"
    )


def add_job(user: str, status: str, cost: int = 1) -> str:
    values = f"'{JOB}', '{user}', '{status}', {cost}, '{user}/in.mp4'"
    return f"insert into public.jobs (id, user_id, status, credits_cost, input_video_path) values ({values})"


def grant(user: str, amount: str, type: str, key: str = "null") -> str:
    return f"select public.grant_credits('{user}', {amount}, '{type}', 'Test', {key})"


QUEUE = (
    "insert into public.jobs (user_id, status, input_video_path)"
    f" values ('{ALICE}', 'QUEUED', '{ALICE}/in.mp4')"
)
QUEUE_TEN = f"""
    insert into public.jobs (user_id, status, input_video_path)
    select '{ALICE}', 'QUEUED', '{ALICE}/in.mp4' from generate_series(1, 10)
"""
SIGN_UP = f"insert into auth.users (id, email) values ('{ERIN}', 'erin@example.com')"
BUY = order("Starter Pack", f"'{ERIN}', c.id, 'MANUAL', 'COMPLETED', null")
SPEND = add_job(ERIN, "QUEUED", cost=3)
REFUND = f"update public.payments set status = 'REFUNDED' where id = '{PAYMENT}'"
CANCEL = f"update public.jobs set status = 'CANCELLED' where id = '{JOB}'"

LOGIN_STATEMENT = f"update auth.users set last_sign_in_at = '2100-01-01' where id = '{ALICE}'"
CANCEL_PENDING = (
    f"update public.jobs set status = 'CANCELLED' where user_id = '{ALICE}' and status = 'PENDING'"
)
VIDEOS = [
    move("PENDING", "PENDING", f", input_video_path = '{ALICE}/{number}.mp4'") for number in range(1, 5)
]
PAID, SOLD = ALICE_PAYMENTS["COMPLETED"], ALICE_PAYMENTS["REFUNDED"]
BROKE = f"""
    select public.grant_credits(u.id, -u.credits, 'ADJUSTMENT', 'Test')
    from public.users as u where u.id = '{ALICE}'
"""
OWES = (BROKE, f"update public.payments set status = 'REFUNDED' where id = '{PAID}'")
LOSE_WORKERS = """
    update public.jobs
    set lease_expires_at = '2000-01-01', max_retries = case status when 'RENDERING' then 0 else 3 end
    where lease_expires_at is not null
"""
POISON = (
    "alter table public.jobs add constraint poisoned"
    " check (status <> 'FAILED' or error_message <> 'the worker stopped answering')"
)
LEAVE = f"update auth.users set deleted_at = now() where id = '{ALICE}'"
RETURN = f"update auth.users set deleted_at = null where id = '{ALICE}'"
GUEST = f"insert into auth.users (id, is_anonymous) values ('{ERIN}', true)"
NAMESAKE = f"insert into auth.users (id, email) values ('{ERIN}', 'Alice+2@Example.com')"
TRIAL = order("Trial Pack", f"'{ERIN}', c.id, 'MANUAL', 'COMPLETED', null")


def token(status: str) -> str:
    job = ALICE_JOBS[status]
    return f"'{job}', (select attempt_token from public.jobs where id = '{job}')"


def settle(amount: str, key: str = "null", user: str = ALICE) -> str:
    return f"select public.settle_debt('{user}', {amount}, 'Test', {key})"


def refund_partially(credits: int, key: str = "key", payment: str = PAID) -> str:
    return f"select public.refund_partially('{payment}', {credits}, 'Test', '{key}')"
