"""One statement for every way through the triggers and functions, refusals included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from accounts import ALICE, ALICE_JOBS, BOB
from payments import ALICE_PAYMENTS

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
    return f"update public.jobs set status = '{to}'{columns} where id = '{ALICE_JOBS[status]}'"


def pay(status: str, change: str) -> str:
    """An update of Alice's payment in a state."""
    return f"update public.payments set {change} where id = '{ALICE_PAYMENTS[status]}'"


def order(package: str, values: str) -> str:
    return (
        "insert into public.payments (id, user_id, package_id, provider, status, credits_purchased)"
        f" select '{PAYMENT}', {values} from public.credit_packages as c where c.name = '{package}'"
    )


def add_job(user: str, status: str, cost: int = 1) -> str:
    values = f"'{JOB}', '{user}', '{status}', {cost}"
    return f"insert into public.jobs (id, user_id, status, credits_cost) values ({values})"


def grant(user: str, amount: str, type: str, key: str = "null") -> str:
    return f"select public.grant_credits('{user}', {amount}, '{type}', 'Test', {key})"


SIGN_UP = f"insert into auth.users (id, email) values ('{ERIN}', 'erin@example.com')"
BUY = order("Starter Pack", f"'{ERIN}', c.id, 'MANUAL', 'COMPLETED', null")
SPEND = add_job(ERIN, "QUEUED", cost=3)
REFUND = f"update public.payments set status = 'REFUNDED' where id = '{PAYMENT}'"
CANCEL = f"update public.jobs set status = 'CANCELLED' where id = '{JOB}'"

ACCOUNTS = (
    owner("sign up", SIGN_UP),
    owner("change the email", f"update auth.users set email = 'new@example.com' where id = '{ALICE}'"),
    owner("change nothing", f"update auth.users set email = email where id = '{ALICE}'", idle=True),
    owner("delete softly", f"update auth.users set deleted_at = now() where id = '{ALICE}'"),
    owner("delete", f"delete from auth.users where id = '{BOB}'"),
    service("close", f"update public.users set deleted_at = now() where id = '{ALICE}'"),
    alice("choose a theme", "update public.user_preferences set theme = 'light'"),
    service("change a package", "update public.credit_packages set sort_order = 9"),
)
JOBS = (
    alice("start a job", f"insert into public.jobs (user_id) values ('{ALICE}')"),
    alice("queue a job at once", f"insert into public.jobs (user_id, status) values ('{ALICE}', 'QUEUED')"),
    alice("queue a job", move("PENDING", "QUEUED")),
    alice("cancel a job that was paid", move("QUEUED", "CANCELLED")),
    alice("cancel a job that was not", move("PENDING", "CANCELLED")),
    service("claim", "select public.claim_next_jobs('worker-2', 10, interval '1 minute')"),
    service(
        "reclaim",
        "select public.reclaim_expired_jobs()",
        "update public.jobs set lease_expires_at = '2000-01-01' where lease_expires_at is not null",
    ),
    service("make progress", move("RENDERING", "RENDERING", ", progress_percentage = 70")),
    service(
        "write documents",
        move("ANALYZING", "ANALYZING", ", transcription_json = '{}', analysis_json = '{}'"),
    ),
    service("retry", move("ANALYZING", "QUEUED", ", progress_percentage = 0")),
    service("complete", move("RENDERING", "COMPLETED")),
    service("fail", move("RENDERING", "FAILED")),
    service("cancel what is still owed for", CANCEL, SIGN_UP, BUY, SPEND, REFUND),
    service("cancel after the debt was paid", CANCEL, SIGN_UP, BUY, REFUND, grant(ERIN, "3", "BONUS"), SPEND),
)
MONEY = (
    service("order", order("Starter Pack", f"'{BOB}', c.id, 'STRIPE', 'PENDING', null")),
    service(
        "order by hand",
        "insert into public.payments (user_id, provider, amount_thb, credits_purchased)"
        f" values ('{BOB}', 'MANUAL', 10, 5)",
    ),
    service("buy", BUY, SIGN_UP),
    service("pay", pay("PENDING", "status = 'COMPLETED', provider_transaction_id = 'pi_1'")),
    service("refund a payment", pay("COMPLETED", "status = 'REFUNDED'")),
    service("refund a payment that was spent", REFUND, SIGN_UP, BUY, SPEND),
    service("note a method", pay("COMPLETED", "payment_method = 'card'")),
    service("grant", grant(ALICE, "5", "BONUS")),
    service("grant again", grant(ALICE, "10", "BONUS", "'welcome-alice'"), idle=True),
    service(
        "log a webhook",
        """insert into public.webhook_logs (provider, event_id, event_type, headers)
        values ('stripe', 'evt_9', 'x', '{"Cookie": "x"}')""",
    ),
    service(
        "log a webhook without headers",
        """insert into public.webhook_logs
        (provider, event_id, event_type, headers) values ('stripe', 'evt_9', 'x', '[]')""",
        refused="23514",
    ),
)
REFUSED = (
    alice(
        "start as completed",
        f"insert into public.jobs (user_id, status) values ('{ALICE}', 'COMPLETED')",
        refused="42501",
    ),
    alice(
        "start while suspended",
        f"insert into public.jobs (user_id) values ('{ALICE}')",
        f"update public.users set is_active = false where id = '{ALICE}'",
        refused="PT403",
    ),
    alice(
        "start a job too many",
        f"insert into public.jobs (user_id) values ('{ALICE}')",
        f"insert into public.jobs (user_id) select '{ALICE}' from generate_series(1, 98)",
        refused="PT429",
    ),
    alice(
        "queue without credits",
        f"insert into public.jobs (user_id, status) values ('{ALICE}', 'QUEUED')",
        grant(ALICE, f"-(select credits from public.users where id = '{ALICE}')", "ADJUSTMENT"),
        refused="PT402",
    ),
    service("skip a state", move("QUEUED", "COMPLETED"), refused="PT409"),
    service("give a job away", move("PENDING", "PENDING", f", user_id = '{BOB}'"), refused="PT409"),
    service("change the cost", move("QUEUED", "QUEUED", ", credits_cost = 9"), refused="PT409"),
    service("lose progress", move("RENDERING", "RENDERING", ", progress_percentage = 1"), refused="PT409"),
    service(
        "retry too often",
        move("ANALYZING", "QUEUED", ", max_retries = 0, progress_percentage = 0"),
        refused="PT409",
    ),
    service(
        "write no transcript", move("ANALYZING", "ANALYZING", ", transcription_json = '1'"), refused="23514"
    ),
    service("write no analysis", move("ANALYZING", "ANALYZING", ", analysis_json = '1'"), refused="23514"),
    service(
        "claim nothing", "select public.claim_next_jobs('worker-2', 0, interval '1 minute')", refused="22023"
    ),
    service(
        "order refunded", order("Starter Pack", f"'{BOB}', c.id, 'STRIPE', 'REFUNDED', null"), refused="PT409"
    ),
    service(
        "order what is not for sale",
        order("Retired Pack", f"'{BOB}', c.id, 'STRIPE', 'PENDING', null"),
        refused="PT409",
    ),
    service(
        "order too many credits",
        order("Starter Pack", f"'{BOB}', c.id, 'STRIPE', 'PENDING', 99"),
        refused="PT409",
    ),
    service("change the amount", pay("PENDING", "amount_thb = 1"), refused="PT409"),
    service("change the reference", pay("COMPLETED", "provider_transaction_id = 'pi_x'"), refused="PT409"),
    service("undo a payment", pay("COMPLETED", "status = 'PENDING'"), refused="PT409"),
    service("grant as usage", grant(ALICE, "1", "USAGE"), refused="22023"),
    service("grant nothing", grant(ALICE, "0", "BONUS"), refused="22023"),
    service("grant to nobody", grant(ERIN, "1", "BONUS"), refused="PT404"),
    service("grant with another's key", grant(ALICE, "1", "BONUS", "'welcome-bob'"), refused="PT409"),
    owner(
        "break the ledger",
        "insert into public.credit_transactions (user_id, type, amount, balance_after)"
        f" values ('{ALICE}', 'BONUS', 1, 9999)",
        refused="PT409",
    ),
    owner("empty the ledger", "delete from public.credit_transactions", refused="PT405"),
    owner("post to nobody", f"select private.post_entry('{ERIN}', 'BONUS', 1)", refused="PT404"),
)
LOGIN = owner("log in", f"update auth.users set last_sign_in_at = '2100-01-01' where id = '{ALICE}'")
FAILING_LOGIN = replace(
    LOGIN, setup=("alter table public.users add constraint early check (last_login_at < '2100-01-01')",)
)
"""What goes wrong in the trigger of a login becomes a warning: these two are not all or nothing."""

OPERATIONS = (*ACCOUNTS, *JOBS, *MONEY, *REFUSED)
