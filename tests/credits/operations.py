"""One statement for every way through the triggers and functions, refusals included."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tests.shared.accounts import ALICE, ALICE_JOBS, BOB
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


ACCOUNTS = (
    owner("sign up", SIGN_UP),
    owner("change the email", f"update auth.users set email = 'new@example.com' where id = '{ALICE}'"),
    owner("change nothing", f"update auth.users set email = email where id = '{ALICE}'", idle=True),
    owner("delete softly", f"update auth.users set deleted_at = now() where id = '{ALICE}'"),
    owner("delete", f"delete from auth.users where id = '{BOB}'"),
    owner("undo a deletion", RETURN, LEAVE),
    owner("sign up again", SIGN_UP, SIGN_UP, f"delete from auth.users where id = '{ERIN}'"),
    service("open again", f"select public.reopen_account('{ALICE}')", LEAVE, RETURN),
    alice("close my account", "select public.close_my_account()"),
    service("close", f"update public.users set deleted_at = now() where id = '{ALICE}'"),
    alice("choose a theme", "update public.user_preferences set theme = 'light'"),
    owner("close once more", f"delete from auth.users where id = '{ALICE}'", LEAVE),
    service("change a package", "update public.credit_packages set sort_order = 9"),
)
JOBS = (
    alice("start a job", f"insert into public.jobs (user_id) values ('{ALICE}')"),
    alice("queue a job at once", QUEUE),
    alice("queue a job", move("PENDING", "QUEUED")),
    alice("cancel a job that was paid", move("QUEUED", "CANCELLED")),
    alice("cancel a job that was not", move("PENDING", "CANCELLED")),
    service("claim", "select public.claim_next_jobs('worker-2', 10, interval '1 minute')"),
    service(
        "claim what is due again",
        "select public.claim_next_jobs('worker-2', 10, interval '1 minute')",
        move("ANALYZING", "QUEUED", ", progress_percentage = 0"),
        "update public.jobs set next_attempt_at = '-infinity' where next_attempt_at is not null",
    ),
    service("stay alive", f"select public.heartbeat_job({token('RENDERING')}, progress => 70)"),
    service("deliver", f"select public.complete_job({token('RENDERING')}, '{ALICE}/out.mp4')"),
    service("give up", f"select public.fail_job({token('RENDERING')}, 'Test', false)"),
    service("queue again what is queued", move("QUEUED", "QUEUED")),
    alice("choose another video", VIDEOS[1]),
    alice("queue an eleventh job", QUEUE, f"{QUEUE_TEN}"),
    # What take_turn misses when two connections queue at once.
    owner(
        "put off a turn",
        f"select private.keep_turns('{ALICE}', array(select id from public.jobs where user_id = '{ALICE}'))",
        QUEUE_TEN,
        QUEUE,
        f"update public.jobs set turn_at = null where user_id = '{ALICE}'",
    ),
    service("set a time", move("QUEUED", "QUEUED", ", queued_at = '2000-01-01'")),
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
    service("take the trial", TRIAL, SIGN_UP),
    service("refund in part", refund_partially(4)),
    service("refund in part what was spent", refund_partially(4), BROKE),
    service("refund in part again", refund_partially(4), refund_partially(4), idle=True),
    service("fail what was spent of a refund", move("RENDERING", "FAILED"), *OWES),
    service("settle", settle("3"), *OWES),
    service("settle two debts", settle("9"), BROKE, refund_partially(2), OWES[1]),
    # Idle, but for the lock on the user, which is an UPDATE.
    service("settle again", settle("3", "'key'"), *OWES, settle("3", "'key'")),
    service("reinstate", f"select public.reinstate_payment('{SOLD}')"),
    service("reinstate what is owed", f"select public.reinstate_payment('{PAID}')", *OWES),
    service(
        "reinstate again",
        f"select public.reinstate_payment('{SOLD}')",
        f"select public.reinstate_payment('{SOLD}')",
        idle=True,
    ),
    service(
        "upsert",
        "insert into public.payments (id, user_id, provider, status)"
        f" values ('{PAID}', '{ALICE}', 'STRIPE', 'COMPLETED')"
        " on conflict (id) do update set payment_method = 'card'",
    ),
    service(
        "purge logs",
        "select public.purge_logs('30 days')",
        "update public.webhook_logs set created_at = '2000-01-01'",
        "update public.api_usage_logs set created_at = '2000-01-01'",
    ),
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
        "queue while suspended",
        QUEUE,
        f"update public.users set is_active = false where id = '{ALICE}'",
        refused="PT403",
    ),
    alice("choose yet another video", VIDEOS[3], *VIDEOS[:3], refused="PT429"),
    service("take more than is there", grant(ALICE, "-999", "ADJUSTMENT"), refused="PT402"),
    alice(
        "start a job too many",
        f"insert into public.jobs (user_id) values ('{ALICE}')",
        f"insert into public.jobs (user_id) select '{ALICE}' from generate_series(1, 98)",
        refused="PT429",
    ),
    alice(
        "queue without credits",
        QUEUE,
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
        "claim under a long name",
        "select public.claim_next_jobs(repeat('w', 201), 1, interval '1 minute')",
        refused="23514",
    ),
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
    service("settle nothing", settle("0"), *OWES, refused="22023"),
    service("settle too much", settle("99"), *OWES, refused="PT409"),
    service("settle for nobody", settle("1", user=ERIN), refused="PT404"),
    service(
        "settle with another's key", settle("1", "'key'", BOB), *OWES, settle("3", "'key'"), refused="PT409"
    ),
    service("refund no part", refund_partially(0), refused="22023"),
    service("refund all in part", refund_partially(10), refused="PT409"),
    service("refund a part of nothing", refund_partially(1, payment=PAYMENT), refused="PT404"),
    service("refund another part with the key", refund_partially(3), refund_partially(4), refused="PT409"),
    service("reinstate what is not refunded", f"select public.reinstate_payment('{PAID}')", refused="PT409"),
    service("reinstate nothing", f"select public.reinstate_payment('{PAYMENT}')", refused="PT404"),
    service("take the trial as a guest", TRIAL, GUEST, refused="PT403"),
    service("take the trial as somebody who has", TRIAL, NAMESAKE, refused="PT409"),
    service("sell twice", BUY.replace(PAYMENT, JOB), SIGN_UP, BUY, refused="PT409"),
    service("grant too much", grant(ALICE, "1000001", "BONUS"), refused="22023"),
    service("keep logs for a day", "select public.purge_logs('1 day')", refused="22023"),
    service("live too long", f"select public.heartbeat_job({token('RENDERING')}, '2 days')", refused="22023"),
    service(
        "end by a heartbeat",
        f"select public.heartbeat_job({token('RENDERING')}, stage => 'COMPLETED')",
        refused="22023",
    ),
    service("deliver nothing", f"select public.complete_job({token('RENDERING')}, null)", refused="PT409"),
    service("start without a video", QUEUE.replace(f"'{ALICE}/in.mp4'", "null"), refused="PT409"),
    service(
        "queue without a video",
        move("PENDING", "QUEUED"),
        move("PENDING", "PENDING", ", input_video_path = null"),
        refused="PT409",
    ),
    service(
        "change the video", move("QUEUED", "QUEUED", f", input_video_path = '{ALICE}/x.mp4'"), refused="PT409"
    ),
    alice(
        "start more than a day's jobs",
        f"insert into public.jobs (user_id) values ('{ALICE}')",
        *(
            f"insert into public.jobs (user_id) select '{ALICE}' from generate_series(1, {number})"
            if number
            else CANCEL_PENDING
            for number in (96, 0, 95, 0)
        ),
        refused="PT429",
    ),
    owner("close nobody's account", "select public.close_my_account()", refused="PT403"),
    owner("fill an account", f"select private.post_entry('{ALICE}', 'BONUS', 100000000)", refused="PT409"),
    owner("change a description", "update public.credit_transactions set description = 'x'", refused="PT405"),
    owner("wait for an account", f"select private.wait_for_account('{ALICE}')", idle=True),
    owner(
        "close an account in use",
        f"select private.close_account('{ALICE}')",
        """create function private.hold() returns trigger language plpgsql as
        $$ begin raise exception using errcode = '55P03'; end $$""",
        "create trigger hold before update on public.users for each row execute function private.hold()",
        refused="55P03",
    ),
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
    owner(
        "break the ledger twice",
        "insert into public.credit_transactions (user_id, type, amount, balance_after)"
        f" values ('{ALICE}', 'BONUS', 1, 9999), ('{ALICE}', 'BONUS', 1, 10000)",
        refused="PT409",
    ),
    owner("empty the ledger", "delete from public.credit_transactions", refused="PT405"),
    owner("post to nobody", f"select private.post_entry('{ERIN}', 'BONUS', 1)", refused="PT404"),
)
RECLAIM = service("reclaim", "select public.reclaim_expired_jobs()::text as job", LOSE_WORKERS)
POISONED_RECLAIM = replace(RECLAIM, name="reclaim what can not be", setup=(LOSE_WORKERS, POISON))
"""What goes wrong with one job becomes a warning and stops no other: each job is taken back or left alone."""


def fail_to_serialize(number: str, otherwise: str) -> tuple[str, str]:
    """An update of so many jobs fails with 40001; of another number, but for 0, as told."""
    return (
        f"""
        create function private.disturb() returns trigger language plpgsql as $$
        declare number integer := (select count(*) from touched);
        begin
            if number {number} then raise exception using errcode = '40001'; end if;
            if number > 0 then {otherwise}; end if;
            return null;
        end $$
        """,
        "create trigger disturb after update on public.jobs referencing new table as touched"
        " for each statement execute function private.disturb()",
    )


UNSERIALIZABLE = (
    replace(RECLAIM, name="all together", setup=(LOSE_WORKERS, *fail_to_serialize("> 1", "return null"))),
    replace(
        RECLAIM,
        name="each alone",
        setup=(LOSE_WORKERS, *fail_to_serialize("= 1", "raise exception 'Not together'")),
    ),
)
"""What another session's commit made fail is for the caller to try again."""

LOGIN = owner("log in", LOGIN_STATEMENT)
FIRST_LOGIN = replace(
    LOGIN, name="log in first", setup=(f"delete from public.user_preferences where user_id = '{ALICE}'",)
)
FAILING_LOGIN = replace(
    LOGIN, setup=("alter table public.users add constraint early check (last_login_at < '2100-01-01')",)
)
"""What goes wrong in the trigger of a login becomes a warning: these three are not all or nothing."""

OPERATIONS = (*ACCOUNTS, *JOBS, *MONEY, *REFUSED)
EVERYTHING = (*OPERATIONS, RECLAIM, POISONED_RECLAIM, *UNSERIALIZABLE, LOGIN, FIRST_LOGIN, FAILING_LOGIN)
