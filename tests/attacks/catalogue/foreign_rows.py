"""What a user tries on rows of somebody else: Alice, on Bob's."""

from __future__ import annotations

from pgassay.denial import Guard, ViewOption
from pgassay.observation import Outcome
from tests.attacks.attack import Attack, Control, Section, Written
from tests.attacks.catalogue.defences import (
    EDIT,
    VIEW,
    no_grant,
    no_policy,
)

PENDING, RENDERING = "'b0b00000-0000-4000-8000-000000000101'", "'b0b00000-0000-4000-8000-000000000106'"
UNPAID, PAID = "'b0b00000-0000-4000-8000-000000000201'", "'b0b00000-0000-4000-8000-000000000202'"
BOB, BACKEND, OWNER = Control(by="bob"), Control(by="service"), Control(by="owner")

OWNED = {
    "users": "id",
    "jobs": "user_id",
    "payments": "user_id",
    "credit_transactions": "user_id",
    "user_preferences": "user_id",
}
"""The tables that users own rows of, and the column that says whose."""

HIDDEN_VALUES = {
    "users": "email = 'bob@example.com'",
    "jobs": "input_video_path = 'b0b00000-0000-4000-8000-000000000002/completed.mp4'",
    "payments": "provider_transaction_id = 'pp_b2'",
    "credit_transactions": "idempotency_key = 'welcome-bob'",
    "user_preferences": "theme = 'auto'",
}
LOCKABLE = ("users", "jobs", "user_preferences")


def hidden(name: str, sql: str, *defences: Guard, control: Control = BOB, of: str = "") -> Attack:
    """No row is touched."""
    return Attack(
        name=name,
        by="alice",
        sql=sql,
        outcome=Outcome.FILTERED,
        control=control,
        defences=defences,
        of=of,
    )


def refused(
    name: str,
    sql: str,
    outcome: Outcome,
    *defences: Guard,
    control: Control = BOB,
    prepare: tuple[str, ...] = (),
    of: str = "",
    note: str = "",
) -> Attack:
    """Refused with 42501."""
    return Attack(
        name=name,
        by="alice",
        prepare=prepare,
        sql=sql,
        outcome=outcome,
        sqlstate="42501",
        control=control,
        defences=defences,
        of=of,
        note=note,
    )


def read(how: str, sql: str, *, tables: tuple[str, ...] = tuple(OWNED)) -> tuple[Attack, ...]:
    """One way of reading, on each table: `{table}`, `{whose}` is its owner's column, `{value}` a secret."""
    return tuple(
        hidden(
            table,
            sql.format(table=f"public.{table}", whose=OWNED[table], value=HIDDEN_VALUES[table]),
            VIEW[table],
            of=how,
        )
        for table in tables
    )


READING = Section(
    title="Somebody else's rows: reading",
    intro="Every row exists: Bob runs the very same statement, and it returns his row.",
    attacks=(
        *read("select rows of another user by owner", "select * from {table} where {whose} = %(bob)s"),
        *read(
            "select rows by a value that one may not see",
            "select {whose} from {table} where {value} and {whose} = %(bob)s",
        ),
        *read(
            "count rows of another user",
            "select count(*) from {table} where {whose} = %(bob)s having count(*) > 0",
        ),
        *read(
            "learn of rows by EXISTS",
            "select 1 where exists (select from {table} where {whose} = %(bob)s)",
        ),
        *read(
            "join all rows with all others",
            "select theirs.* from {table} as mine full join {table} as theirs on true"
            " where theirs.{whose} = %(bob)s",
        ),
        *read(
            "read rows through a CTE that is computed first",
            "with all_rows as materialized (select t as r from {table} as t)"
            " select (r).* from all_rows where (r).{whose} = %(bob)s",
        ),
        *read(
            "read rows as JSON, as PostgREST does",
            "select to_jsonb(t) from {table} as t where to_jsonb(t) ->> '{whose}' = %(bob)s::text",
        ),
        *(
            hidden(
                table,
                f"select {OWNED[table]} from public.{table} where {OWNED[table]} = %(bob)s for {lock}",
                VIEW[table],
                EDIT[table],
                of=f"lock rows of another user for {lock}",
            )
            for lock in ("update", "share")
            for table in LOCKABLE
        ),
        *(
            refused(
                table,
                f"select {OWNED[table]} from public.{table} where {OWNED[table]} = %(bob)s for update",
                Outcome.DENIED_GRANT,
                VIEW[table],
                no_grant("update", table),
                no_policy("update", table),
                control=OWNER,
                of="lock rows that are never the user's to change",
            )
            for table in ("payments", "credit_transactions")
        ),
        Attack(
            name="read another user's statistics through a view",
            by="alice",
            sql="select * from public.user_stats where id = %(bob)s",
            outcome=Outcome.FILTERED,
            control=BOB,
            defences=(VIEW["users"],),
            rests_on=(ViewOption(view="public.user_stats", option="security_invoker"),),
        ),
        Attack(
            name="read how busy the queue is",
            by="alice",
            sql="select * from public.job_queue_status",
            outcome=Outcome.DENIED_GRANT,
            sqlstate="42501",
            control=BACKEND,
            defences=(no_grant("select", "job_queue_status"),),
        ),
        *(
            refused(
                table,
                f"select * from public.{table}",
                Outcome.DENIED_GRANT,
                no_grant("select", table),
                no_policy("select", table),
                control=BACKEND,
                of="read what the backend keeps",
            )
            for table in ("webhook_logs", "api_usage_logs")
        ),
        hidden(
            "read a package that is not for sale",
            "select * from public.credit_packages where not is_active",
            VIEW["credit_packages"],
            control=BACKEND,
        ),
        Written(
            name="copy tables out",
            by="alice",
            outcome="own rows only",
            defence="the policies for SELECT",
            test="test_several_steps.py::test_copy_to_gives_own_rows_only",
        ),
    ),
)
