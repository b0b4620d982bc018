"""What anybody with a connection tries with the functions behind the triggers."""

from __future__ import annotations

from pgassay.denial import Grant, Guard
from tests.attacks.attack import ALICE, Control, Section, Written
from tests.attacks.catalogue.defences import CLOSED, ROLES, no_grant, no_policy
from tests.attacks.catalogue.structure import (
    PENDING,
    TABLES,
    denied,
    missing,
)

QUEUED, RENDERING, PAID, REFUNDED = (
    f"'a11ce000-0000-4000-8000-000000000{number}'" for number in (103, 106, 202, 203)
)
BACKEND = Control(by="service")
POST = "post_entry(uuid, public.transaction_type, integer, uuid, uuid, text, text, jsonb)"
LOCK = "lock_account(uuid)"
CALLS = {
    POST: "%(alice)s, 'BONUS', 1000",
    LOCK: "%(alice)s",
}
"""Private functions, with arguments that do harm."""


def execute(function: str, by: str) -> Grant:
    return missing("execute", "function", f"private.{function}", by)


TOTALS = ("credits", "total_credits_purchased", "total_credits_used")


def posting(by: str, *more: str) -> tuple[Guard, ...]:
    """What stands before a new entry of the ledger; `more`: columns of users that are written besides."""
    columns = ("user_id", "type", "amount", "balance_after", "job_id", "payment_id", "idempotency_key")
    policy = (no_policy("insert", "credit_transactions"),) if by == "alice" else ()
    return (
        no_grant("insert", "credit_transactions", *columns, "description", "metadata", by=by),
        no_grant("update", "users", *TOTALS, *more, by=by),
        *policy,
    )


BEHIND: dict[tuple[str, str], tuple[Guard, ...]] = {
    (POST, "alice"): posting("alice"),
    (POST, "service"): posting("service"),
    (LOCK, "alice"): (no_grant("update", "users", "is_active"),),
}
"""What such a call meets inside, with the rights of who calls, once it may be made."""

DEEP_CALLS = {
    "charge_jobs(uuid, uuid[], integer[])": f"%(alice)s, array[{PENDING}]::uuid[], array[1]",
    "refund_jobs(uuid, uuid[], text[])": f"%(alice)s, array[{QUEUED}]::uuid[], '{{FAILED}}'",
    "recover_debts(uuid, uuid[])": f"%(alice)s, array[{QUEUED}]::uuid[]",
    "take_jobs_back(uuid[])": f"array[{RENDERING}]::uuid[]",
    "try_to_take_back(uuid)": RENDERING,
    "lock_rows(text, uuid)": "'public.users as r where r.id = $1', %(bob)s",
    "hash_person(text, text)": "'email', 'bob@example.com'",
    "add_account(uuid, text, jsonb, timestamp with time zone)": "gen_random_uuid(), 'x@x.com', '{}', null",
    "erase_account(uuid)": "%(dave)s",
    "close_account(uuid)": "%(bob)s",
}
"""Private functions that need many rights of their callers; these, but for one, are given beforehand."""


_TOKEN = f"{RENDERING}, (select attempt_token from public.jobs where id = {RENDERING})"
BACKENDS_CALLS = {
    "grant_credits(uuid, integer, public.transaction_type, text, text)": "%(alice)s, 1000, 'BONUS', 'gift'",
    "credits_owed(uuid)": "%(bob)s",
    "settle_debt(uuid, integer, text, text)": "%(alice)s, 1, 'forgiven'",
    "refund_partially(uuid, integer, text, text)": f"{PAID}, 1, 'x', 'key'",
    "reinstate_payment(uuid)": REFUNDED,
    "claim_next_jobs(text, integer, interval)": "'me', 1, '1 hour'",
    "reclaim_expired_jobs()": "",
    "heartbeat_job(uuid, uuid, interval, public.job_status, integer, text)": f"{_TOKEN}, '1 day'",
    "complete_job(uuid, uuid, text, text, numeric, numeric)": f"{_TOKEN}, '{ALICE}/x.mp4'",
    "fail_job(uuid, uuid, text, boolean)": f"{_TOKEN}, 'x'",
    "reopen_account(uuid)": "%(dave)s",
    "find_users(text)": "'bob@example.com'",
    "expiring_subscriptions(interval)": "'1 year'",
    "expire_subscriptions()": "",
    "purge_logs(interval)": "'30 days'",
    "objects_to_erase()": "",
}
"""What the backend may call in public, with arguments that do harm."""
OWES = (
    "insert into private.debts (user_id, payment_id, kind, credits, after_entry)"
    f" values (%(alice)s, {REFUNDED}, 'shortfall', 1, 0)",
)


def all_but_execute(function: str, by: str) -> tuple[str, ...]:
    role = ROLES[by]
    return (
        f"grant all on all tables in schema public, private to {role}",
        f"grant select on auth.users to {role}",
        f"grant execute on all functions in schema private to {role}",
        f"revoke execute on function {function} from {role}",
        *(OWES if "settle_debt" in function else ()),
        *(
            f"create policy twin on public.{table} to {role} using (true) with check (true)"
            for table in TABLES
        ),
    )


TRIGGER_FUNCTIONS = (
    *("settle_inserted_jobs", "settle_moved_jobs", "settle_inserted_payments", "settle_moved_payments"),
    *("empty_closed_account", "handle_new_user", "handle_changed_user", "handle_deleted_user"),
    *("handle_login", "sync_balance", "refuse_ledger_change", "check_job_values", "take_turn"),
    "anonymise_user",
)


def into_private(by: str, function: str) -> tuple[Guard, ...]:
    return missing("usage", "schema", "private", by), execute(function, by)


FUNCTIONS = Section(
    title="Structure: functions",
    intro="Trigger functions cannot be called; on a table of one's own they would run with the owner's\n"
    "rights, on rows of one's own making.",
    attacks=(
        *(
            denied(
                function.split("(")[0],
                by,
                f"select private.{function.split('(')[0]}({arguments})",
                *into_private(by, function),
                *BEHIND.get((function, by), ()),
                of="call in private",
            )
            for by in ("alice", "service")
            for function, arguments in CALLS.items()
        ),
        *(
            denied(
                function.split("(")[0],
                by,
                f"select private.{function.split('(')[0]}({arguments})",
                *into_private(by, function),
                *(CLOSED if (function, by) == ("close_account(uuid)", "alice") else ()),
                of="call in private",
                prepare=all_but_execute(f"private.{function}", by),
            )
            for by in ("alice", "service")
            for function, arguments in DEEP_CALLS.items()
        ),
        *(
            denied(
                function.split("(")[0],
                by,
                f"select count(*) from public.{function.split('(')[0]}({arguments})",
                missing("execute", "function", f"public.{function}", by),
                of="call in public",
                control=BACKEND,
                prepare=(
                    f"grant usage on schema private to {ROLES[by]}",
                    *all_but_execute(f"public.{function}", by),
                ),
            )
            for by in ("anon", "alice")
            for function, arguments in BACKENDS_CALLS.items()
        ),
        *(
            denied(
                function,
                "alice",
                "create trigger t after insert on pg_temp.mine for each statement"
                f" execute function private.{function}()",
                *into_private("alice", f"{function}()"),
                of="run on a table of one's own",
                prepare=(
                    "create temp table mine (like public.payments)",
                    "grant trigger on pg_temp.mine to authenticated",
                ),
            )
            for function in TRIGGER_FUNCTIONS
        ),
        Written(
            name="close an account that is not one's own",
            by="anon, alice",
            outcome="42501; PT403 without a user; one's own alone",
            defence="close_my_account takes no argument but the token",
            test="test_several_steps.py::test_account_is_closed_by_nobody_but_its_user",
        ),
        Written(
            name="temporary tables that shadow the schema's, own search_path",
            by="alice",
            outcome="no effect",
            defence="search_path = '' and qualified names in every function",
            test="test_several_steps.py::test_shadows_of_tables_have_no_effect",
        ),
        Written(
            name="types of one's own with a check that runs code",
            by="alice, service",
            outcome="no effect",
            defence="qualified types in every function",
            test="test_shadowed_types.py::test_hostile_type_of_a_client_runs_with_no_rights_but_its_own",
        ),
        Written(
            name="a statement that never ends",
            by="anon, alice",
            outcome="57014",
            defence="statement_timeout of the role, which PostgREST applies: 3 s and 8 s",
            test="test_several_steps.py::test_endless_statement_is_ended",
            note="How many statements run at once is limited by PostgREST's pool, not by the schema.",
        ),
    ),
)
