"""One statement for every way through the triggers and functions, refusals included."""

from __future__ import annotations

from dataclasses import replace

from tests.credits.refused_operations import REFUSED
from tests.credits.statements import (
    BROKE,
    BUY,
    CANCEL,
    ERIN,
    LEAVE,
    LOGIN_STATEMENT,
    LOSE_WORKERS,
    OWES,
    PAID,
    POISON,
    QUEUE,
    QUEUE_TEN,
    REFUND,
    RETURN,
    SIGN_UP,
    SOLD,
    SPEND,
    TRIAL,
    VIDEOS,
    alice,
    grant,
    move,
    order,
    owner,
    pay,
    refund_partially,
    service,
    settle,
    token,
)
from tests.shared.accounts import ALICE, BOB

ACCOUNTS = (
    owner("sign up", SIGN_UP),
    owner("change the email", f"update auth.users set email = 'new@example.com' where id = '{ALICE}'"),
    owner("change the number", f"update auth.users set phone = '66811111111' where id = '{ALICE}'"),
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

RECLAIM = service("reclaim", "select public.reclaim_expired_jobs()::text as job", LOSE_WORKERS)
POISONED_RECLAIM = replace(RECLAIM, name="reclaim what can not be", setup=(LOSE_WORKERS, POISON))
"""What goes wrong with one job becomes a warning and stops no other: each job is taken back or left alone."""


UNSERIALIZABLE = replace(
    RECLAIM,
    name="reclaim what another session changed",
    setup=(
        LOSE_WORKERS,
        """
        create function private.disturb() returns trigger language plpgsql as $$
        begin
            case (select count(*) from touched)
                when 0 then return null;
                when 1 then raise exception using errcode = '40001';
                else raise exception 'Not together';
            end case;
        end $$
        """,
        "create trigger disturb after update on public.jobs referencing new table as touched"
        " for each statement execute function private.disturb()",
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
EVERYTHING = (*OPERATIONS, RECLAIM, POISONED_RECLAIM, UNSERIALIZABLE, LOGIN, FIRST_LOGIN, FAILING_LOGIN)
