"""What anybody with a connection tries with the functions behind the triggers."""

from __future__ import annotations

from attacks.attack import Section, Written
from attacks.catalogue.defences import CLOSED, no_grant, no_policy
from attacks.catalogue.structure import (
    PENDING,
    denied,
    missing,
)
from pgassay.denial import Grant, Guard

POST = "post_entry(uuid, public.transaction_type, integer, uuid, uuid, text, text, jsonb)"
LOCK = "lock_account(uuid)"
CANCEL = "cancel_jobs(uuid)"
CALLS = {
    POST: "%(alice)s, 'BONUS', 1000",
    LOCK: "%(alice)s",
    "charge_job(uuid, uuid, integer)": f"{PENDING}, %(alice)s, 1",
    "recover_shortfall(uuid, integer)": "%(alice)s, 1",
    CANCEL: "%(alice)s",
    "close_account(uuid)": "%(alice)s",
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
    ("charge_job(uuid, uuid, integer)", "alice"): (
        execute(LOCK, "alice"),
        execute(POST, "alice"),
        *posting("alice", "is_active"),
    ),
    ("charge_job(uuid, uuid, integer)", "service"): (
        execute(LOCK, "service"),
        execute(POST, "service"),
        *posting("service"),
    ),
    ("close_account(uuid)", "alice"): (
        execute(CANCEL, "alice"),
        no_grant("update", "users", "email", "is_active", "deleted_at"),
        *CLOSED,
    ),
    ("close_account(uuid)", "service"): (execute(CANCEL, "service"),),
}
"""What such a call meets inside, with the rights of who calls, once it may be made."""

TRIGGER_FUNCTIONS = (
    *("settle_inserted_jobs", "settle_moved_jobs", "settle_inserted_payments", "settle_moved_payments"),
    *("cancel_jobs_of_closed_account", "handle_new_user", "handle_changed_user", "handle_deleted_user"),
    *("handle_login", "sync_balance", "refuse_ledger_change"),
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
