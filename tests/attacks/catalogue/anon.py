"""What a visitor without an account tries."""

from __future__ import annotations

from pgassay.catalog.model import Command
from pgassay.denial import Guard
from pgassay.observation import Outcome
from tests.attacks.attack import Attack, Control, Section
from tests.attacks.catalogue.defences import (
    APPEND_ONLY,
    ENTRY_KEPT,
    VIEW,
    constraint,
    no_grant,
    no_policy,
    trigger,
)

OWNER, BACKEND = Control(by="owner"), Control(by="service")
FOR_SALE = Control(by="anon", sql="select * from public.credit_packages")


def denied(
    name: str,
    sql: str,
    *defences: Guard,
    of: str = "",
    control: Control = OWNER,
    prepare: tuple[str, ...] = (),
) -> Attack:
    """Refused for want of a grant."""
    return Attack(
        name=name,
        by="anon",
        prepare=prepare,
        sql=sql,
        outcome=Outcome.DENIED_GRANT,
        sqlstate="42501",
        control=control,
        defences=defences,
        of=of,
    )


KEYS = {
    "users": "id = %(alice)s",
    "jobs": "id = 'a11ce000-0000-4000-8000-000000000101'",
    "payments": "id = 'a11ce000-0000-4000-8000-000000000201'",
    "credit_transactions": "user_id = %(alice)s",
    "user_preferences": "user_id = %(alice)s",
    "webhook_logs": "event_id = 'evt_2'",
    "api_usage_logs": "api_provider = 'openai'",
    "credit_packages": "name = 'Business Pack'",
}
SECRET = tuple(table for table in KEYS if table != "credit_packages")
INSERTS = {
    "users": {"id": "'f0000000-0000-4000-8000-00000000000f'"},
    "jobs": {"user_id": "%(alice)s"},
    "payments": {"user_id": "%(alice)s", "provider": "'MANUAL'", "amount_thb": "1", "credits_purchased": "1"},
    "credit_transactions": {"user_id": "%(alice)s", "type": "'BONUS'", "amount": "1", "balance_after": "16"},
    "user_preferences": {"user_id": "%(alice)s"},
    "webhook_logs": {"provider": "'stripe'", "event_id": "'evt_9'", "event_type": "'payment'"},
    "api_usage_logs": {"api_provider": "'openai'"},
    "credit_packages": {"name": "'Free Pack'", "credits": "1000", "price_thb": "0"},
}
UPDATES = {
    "users": "credits = 1000",
    "jobs": "job_name = 'Hacked'",
    "payments": "payment_method = 'cash'",
    "credit_transactions": "description = 'none'",
    "user_preferences": "theme = 'light'",
    "webhook_logs": "error_message = 'none'",
    "api_usage_logs": "api_endpoint = 'none'",
    "credit_packages": "price_thb = 0",
}


def reading(table: str) -> tuple[Guard, ...]:
    """What stands before a WHERE on a table."""
    if table == "credit_packages":
        return ()
    column = KEYS[table].split()[0]
    return no_grant("select", table, column, by="anon"), no_policy("select", table, by="anon")


MORE: dict[tuple[str, str], tuple[Guard, ...]] = {
    ("insert", "credit_transactions"): (trigger("credit_transactions", "credit_transactions_sync_balance"),),
    ("update", "credit_transactions"): (ENTRY_KEPT,),
    # The trigger locks the payment that an event is of, with the rights of who inserts.
    ("insert", "webhook_logs"): (
        no_grant("select", "payments", "id", "provider_transaction_id", by="anon"),
        no_grant("update", "payments", by="anon"),
    ),
    ("delete", "credit_transactions"): (APPEND_ONLY,),
    ("delete", "users"): tuple(
        constraint(table, f"{table}_user_id_fkey") for table in ("jobs", "payments", "credit_transactions")
    ),
}
"""What stands behind the grants and policies of a table."""
PREPARED = {
    # The trigger reads both, with the rights of who inserts.
    ("insert", "payments"): ("grant select on public.payments, public.credit_packages to anon",),
    ("insert", "user_preferences"): ("delete from public.user_preferences where user_id = %(alice)s",),
}
CONTROLS = {
    ("update", "credit_transactions"): Control(by="owner", sql="select * from public.credit_transactions"),
    ("delete", "credit_transactions"): Control(by="owner", sql="select * from public.credit_transactions"),
    ("delete", "users"): Control(
        by="owner", sql="update public.users set full_name = '' where id = %(alice)s"
    ),
}


def write(command: Command, table: str, sql: str, columns: tuple[str, ...], *more: Guard) -> Attack:
    return denied(
        table,
        sql,
        no_grant(command, table, *columns, by="anon"),
        no_policy(command, table, by="anon"),
        *more,
        *MORE.get((command, table), ()),
        of={"insert": "insert into", "update": "update", "delete": "delete from"}[command],
        control=CONTROLS.get((command, table), OWNER),
        prepare=PREPARED.get((command, table), ()),
    )


def insert(table: str) -> Attack:
    values = INSERTS[table]
    sql = f"insert into public.{table} ({', '.join(values)}) values ({', '.join(values.values())})"
    return write("insert", table, sql, tuple(values))


def update(table: str) -> Attack:
    change = UPDATES[table]
    sql = f"update public.{table} set {change} where {KEYS[table]}"
    return write("update", table, sql, (change.split()[0],), *reading(table))


def delete(table: str) -> Attack:
    return write("delete", table, f"delete from public.{table} where {KEYS[table]}", (), *reading(table))


ANON = Section(
    title="As a visitor",
    attacks=(
        *(
            denied(
                table,
                f"select * from public.{table}",
                no_grant("select", table, by="anon"),
                no_policy("select", table, by="anon"),
                of="read",
                control=FOR_SALE,
            )
            for table in SECRET
        ),
        denied(
            "user_stats",
            "select * from public.user_stats",
            no_grant("select", "user_stats", by="anon"),
            no_grant(
                *("select", "users", "id", "email", "full_name", "credits"),
                *("subscription_tier", "last_login_at", "deleted_at"),
                by="anon",
            ),
            no_policy("select", "users", by="anon"),
            no_grant("select", "jobs", "status", "user_id", by="anon"),
            no_grant("select", "credit_transactions", "amount", "type", "user_id", by="anon"),
            of="read through the view",
        ),
        denied(
            "job_queue_status",
            "select * from public.job_queue_status",
            no_grant("select", "job_queue_status", by="anon"),
            no_grant("select", "jobs", "completed_at", "queued_at", "started_at", "status", by="anon"),
            of="read through the view",
        ),
        Attack(
            name="read a package that is not for sale",
            by="anon",
            sql="select * from public.credit_packages where not is_active",
            outcome=Outcome.FILTERED,
            control=BACKEND,
            defences=(VIEW["credit_packages"],),
        ),
        Attack(
            name="guess a package that is not for sale by its name",
            by="anon",
            sql="select count(*) from public.credit_packages where name = 'Retired Pack' having count(*) > 0",
            outcome=Outcome.FILTERED,
            control=BACKEND,
            defences=(VIEW["credit_packages"],),
        ),
        *map(insert, KEYS),
        *map(update, KEYS),
        *map(delete, KEYS),
    ),
)
