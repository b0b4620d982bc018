"""What a user tries to change, delete and add in somebody else's name: Alice, in Bob's."""

from __future__ import annotations

from pgassay.denial import Guard
from pgassay.observation import Outcome
from tests.attacks.attack import BOB, Control, Section, Written
from tests.attacks.catalogue.defences import (
    ADD,
    APPEND_ONLY,
    EDIT,
    EDIT_CHECK,
    ENTRY_KEPT,
    VIEW,
    constraint,
    no_grant,
    no_policy,
    trigger,
)
from tests.attacks.catalogue.foreign_rows import (
    BACKEND,
    OWNED,
    OWNER,
    PAID,
    PENDING,
    RENDERING,
    UNPAID,
    hidden,
    refused,
)

EDITS = {
    "users": ("full_name = 'Hacked'", "id = %(bob)s"),
    "jobs": ("job_name = 'Hacked'", f"id = {PENDING}"),
    "user_preferences": ("theme = 'dark'", "user_id = %(bob)s"),
}


def edit(table: str) -> tuple[Guard, ...]:
    return VIEW[table], EDIT[table], EDIT_CHECK[table]


REFERENCED = tuple(
    constraint(table, f"{table}_user_id_fkey") for table in ("jobs", "payments", "credit_transactions")
)
NEVER_EDITED = {
    "payments": ("payment_method", "'cash'", f"id = {PAID}", ()),
    "credit_transactions": ("description", "'none'", "user_id = %(bob)s", (ENTRY_KEPT,)),
}

CHANGING = Section(
    title="Somebody else's rows: changing and deleting",
    attacks=(
        *(
            hidden(
                table,
                f"update public.{table} set {change} where {row}",
                *edit(table),
                of="update a row by id",
            )
            for table, (change, row) in EDITS.items()
        ),
        *(
            hidden(
                table,
                f"update public.{table} set {change}"
                f" where {OWNED[table]} <> %(alice)s and {OWNED[table]} = %(bob)s returning *",
                *edit(table),
                of="update every row but one's own, returning it",
            )
            for table, (change, _) in EDITS.items()
            if table != "jobs"
        ),
        *(
            hidden(
                table,
                f"update public.{table} as t set {change} from public.users as me"
                f" where me.id = (select auth.uid()) and t.{row}",
                *edit(table),
                of="update a row through a join with one's own",
            )
            for table, (change, row) in EDITS.items()
        ),
        *(
            hidden(
                table,
                f"merge into public.{table} as t using (values (1)) as v (x) on t.{row}"
                f" when matched then update set {change}",
                *edit(table),
                of="merge into a row",
            )
            for table, (change, row) in EDITS.items()
        ),
        hidden(
            "cancel another user's job",
            f"update public.jobs set status = 'CANCELLED' where id = {PENDING}",
            *edit("jobs"),
        ),
        hidden(
            "spend another user's credit: queue a waiting job",
            f"update public.jobs set status = 'QUEUED' where id = {PENDING}",
            *edit("jobs"),
        ),
        hidden(
            "cancel another user's job at work",
            f"update public.jobs set status = 'CANCELLED' where id = {RENDERING}",
            *edit("jobs"),
            control=BACKEND,
        ),
        *(
            refused(
                table,
                f"update public.{table} set {column} = {value} where {row}",
                Outcome.DENIED_GRANT,
                no_grant("update", table, column),
                no_policy("update", table),
                VIEW[table],
                *more,
                control=Control(by="bob", sql=f"select * from public.{table} where {row}"),
                of="update a row that is never the user's to change",
            )
            for table, (column, value, row, more) in NEVER_EDITED.items()
        ),
        *(
            refused(
                table,
                f"delete from public.{table} where {row}",
                Outcome.DENIED_GRANT,
                no_grant("delete", table),
                no_policy("delete", table),
                VIEW[table],
                *more,
                control=Control(by="bob", sql=f"select * from public.{table} where {row}"),
                of="delete a row of another user",
            )
            for table, row, more in (
                ("users", "id = %(bob)s", REFERENCED),
                ("jobs", f"id = {PENDING}", ()),
                ("payments", f"id = {UNPAID}", ()),
                ("credit_transactions", "user_id = %(bob)s", (APPEND_ONLY,)),
                ("user_preferences", "user_id = %(bob)s", ()),
            )
        ),
    ),
)

NO_PREFERENCES = ("delete from public.user_preferences where user_id = %(bob)s",)

ADDING = Section(
    title="Somebody else's rows: adding, upserting, merging",
    attacks=(
        refused(
            "start a job in another user's name",
            "insert into public.jobs (user_id, job_name) values (%(bob)s, 'Hacked')",
            Outcome.DENIED_POLICY,
            ADD["jobs"],
        ),
        refused(
            "start a queued job at another user's cost",
            "insert into public.jobs (user_id, status, input_video_path)"
            f" values (%(bob)s, 'QUEUED', '{BOB}/new.mp4')",
            Outcome.DENIED_POLICY,
            ADD["jobs"],
        ),
        refused(
            "start a job in another user's name, returning it",
            "insert into public.jobs (user_id, job_name) values (%(bob)s, 'Hacked') returning id",
            Outcome.DENIED_POLICY,
            ADD["jobs"],
            VIEW["jobs"],
        ),
        refused(
            "start one job of one's own and one in another user's name",
            "insert into public.jobs (user_id, job_name) values (%(alice)s, 'Mine'), (%(bob)s, 'Hacked')",
            Outcome.DENIED_POLICY,
            ADD["jobs"],
            control=Control(
                by="alice",
                sql="insert into public.jobs (user_id, job_name)"
                " values (%(alice)s, 'Mine'), (%(alice)s, 'Mine')",
            ),
        ),
        refused(
            "add preferences for another user",
            "insert into public.user_preferences (user_id) values (%(bob)s)",
            Outcome.DENIED_POLICY,
            ADD["user_preferences"],
            prepare=NO_PREFERENCES,
        ),
        refused(
            "add a payment for another user",
            "insert into public.payments (user_id, provider, amount_thb, credits_purchased)"
            " values (%(bob)s, 'MANUAL', 1, 1)",
            Outcome.DENIED_GRANT,
            no_grant("insert", "payments", "user_id", "provider", "amount_thb", "credits_purchased"),
            no_policy("insert", "payments"),
            control=BACKEND,
        ),
        refused(
            "take credits from another user by an entry of the ledger",
            "insert into public.credit_transactions (user_id, type, amount, balance_after)"
            " values (%(bob)s, 'ADJUSTMENT', -1, 4)",
            Outcome.DENIED_GRANT,
            no_grant("insert", "credit_transactions", "user_id", "type", "amount", "balance_after"),
            no_policy("insert", "credit_transactions"),
            trigger("credit_transactions", "credit_transactions_sync_balance"),
            control=OWNER,
        ),
        refused(
            "make an account",
            "insert into public.users (id) values ('f0000000-0000-4000-8000-00000000000f')",
            Outcome.DENIED_GRANT,
            no_grant("insert", "users", "id"),
            no_policy("insert", "users"),
            control=OWNER,
        ),
        refused(
            "upsert onto another user's preferences",
            "insert into public.user_preferences (user_id, theme) values (%(bob)s, 'dark')"
            " on conflict (user_id) do update set theme = 'dark'",
            Outcome.DENIED_POLICY,
            *edit("user_preferences"),
            ADD["user_preferences"],
        ),
        refused(
            "upsert onto another user's job by its client_request_id",
            "insert into public.jobs (user_id, client_request_id) values (%(bob)s, 'request-101')"
            " on conflict (user_id, client_request_id) do update set job_name = 'Hacked'",
            Outcome.DENIED_POLICY,
            *edit("jobs"),
            ADD["jobs"],
        ),
        refused(
            "upsert onto another user's job by its id",
            f"insert into public.jobs (id, user_id) values ({PENDING}, %(bob)s)"
            " on conflict (id) do update set job_name = 'Hacked'",
            Outcome.DENIED_GRANT,
            no_grant("insert", "jobs", "id"),
            *edit("jobs"),
            ADD["jobs"],
            control=OWNER,
        ),
        refused(
            "insert by merge in another user's name",
            "merge into public.jobs as t using (values (%(bob)s::uuid)) as v (id)"
            " on t.job_name = 'Hacked'"
            " when not matched then insert (user_id, job_name) values (v.id, 'Hacked')",
            Outcome.DENIED_POLICY,
            ADD["jobs"],
        ),
        Written(
            name="copy rows in",
            by="alice",
            outcome="0A000",
            defence="row level security, which COPY FROM does not do; then the policies for INSERT",
            test="test_several_steps.py::test_copy_from_is_refused",
        ),
    ),
)
