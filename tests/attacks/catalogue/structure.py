"""What anybody with a connection tries on the schema itself, and what its owner could do by accident."""

from __future__ import annotations

from pgassay.denial import Grant, Guard, Ownership
from pgassay.denial.guard import Kind
from pgassay.observation import Outcome
from tests.attacks.attack import Attack, Control, Section
from tests.attacks.catalogue.defences import APPEND_ONLY, ROLES, no_grant

OWNER = Control(by="owner")
PENDING = "'a11ce000-0000-4000-8000-000000000101'"
SEQUENCES = ("credit_transactions_id_seq", "webhook_logs_id_seq", "api_usage_logs_id_seq")
LEAVES = ("credit_transactions", "user_preferences", "webhook_logs", "api_usage_logs")
TABLES = ("users", "jobs", "payments", "credit_packages", *LEAVES)
HIDDEN = ("private.debts", "private.partial_refunds")
"""What refers to the tables of the API, and would have to be emptied with them."""
EVERYTHING = ", ".join([*(f"public.{table}" for table in TABLES), *HIDDEN])


def denied(
    name: str,
    by: str,
    sql: str,
    *defences: Guard,
    control: Control = OWNER,
    prepare: tuple[str, ...] = (),
    of: str = "",
    note: str = "",
) -> Attack:
    """Refused with 42501 for want of a grant, or of ownership."""
    return Attack(
        name=name,
        by=by,
        prepare=prepare,
        sql=sql,
        outcome=Outcome.DENIED_GRANT,
        sqlstate="42501",
        control=control,
        defences=defences,
        of=of,
        note=note,
    )


def missing(privilege: str, kind: Kind, name: str, by: str) -> Grant:
    return Grant(privilege=privilege, kind=kind, object=name, role=ROLES[by])


A_FUNCTION = (
    "create function public.trap() returns trigger language plpgsql as 'begin return null; end'",
    "grant execute on function public.trap() to anon, authenticated, service_role",
)
MY_LEDGER = Control(by="alice", sql="select * from public.credit_transactions")

TABLE_ATTACKS = Section(
    title="Structure: tables, sequences, schemas",
    attacks=(
        *(
            denied(
                table,
                by,
                f"truncate public.{table}",
                no_grant("truncate", table, by=by),
                *((APPEND_ONLY,) if table == "credit_transactions" else ()),
                of="truncate",
                control=MY_LEDGER if table == "credit_transactions" else OWNER,
            )
            for by in ("alice", "service")
            for table in LEAVES
        ),
        *(
            denied(
                "truncate every table at once",
                by,
                f"truncate {EVERYTHING}",
                missing("usage", "schema", "private", by),
                *(no_grant("truncate", table, by=by) for table in TABLES),
                *(missing("truncate", "table", table, by) for table in HIDDEN),
                APPEND_ONLY,
                control=MY_LEDGER,
            )
            for by in ROLES
        ),
        *(
            denied(
                table,
                by,
                f"lock table public.{table} in access exclusive mode",
                no_grant("update", table, by=by),
                of="lock, so that nobody else gets in",
            )
            for by, tables in (("anon", LEAVES), ("alice", TABLES), ("service", ("users", *LEAVES[:1])))
            for table in tables
        ),
        *(
            denied(
                table,
                by,
                f"create trigger trap before insert on public.{table}"
                " for each row execute function public.trap()",
                no_grant("trigger", table, by=by),
                of="put a trigger on",
                prepare=A_FUNCTION,
            )
            for by in ("alice", "service")
            for table in ("users", "jobs", "credit_transactions")
        ),
        *(
            denied(
                name,
                by,
                sql,
                Ownership(relation=f"public.{relation}", role=ROLES[by]),
                of="alter what one does not own",
            )
            for by in ("alice", "service")
            for name, relation, sql in (
                ("a rule", "jobs", "create rule r as on insert to public.jobs do instead nothing"),
                ("row security off", "users", "alter table public.users disable row level security"),
                ("row security not forced", "users", "alter table public.users no force row level security"),
                ("triggers off", "jobs", "alter table public.jobs disable trigger user"),
                (
                    "the ledger's guard off",
                    "credit_transactions",
                    "alter table public.credit_transactions disable trigger credit_transactions_append_only",
                ),
                ("a policy more", "payments", "create policy p on public.payments using (true)"),
                (
                    "a policy opened",
                    "jobs",
                    'alter policy "Users view their own jobs" on public.jobs using (true)',
                ),
                (
                    "a constraint less",
                    "users",
                    "alter table public.users drop constraint users_credits_not_negative",
                ),
                ("a default", "users", "alter table public.users alter column credits set default 1000"),
                ("an index", "users", "create index on public.users (email)"),
                ("a table dropped", "webhook_logs", "drop table public.webhook_logs"),
                ("a view dropped", "user_stats", "drop view public.user_stats"),
                (
                    "a view with its owner's rights",
                    "user_stats",
                    "alter view public.user_stats reset (security_invoker)",
                ),
            )
        ),
        *(
            denied(
                table,
                by,
                f"create table public.probe (id uuid references public.{table} (id))",
                missing("create", "schema", "public", by),
                no_grant("references", table, "id", by=by),
                of="probe by a foreign key for the ids of",
            )
            for by in ("alice", "service")
            for table in ("users", "jobs", "payments")
        ),
        *(
            denied(name, by, sql, missing("create", "schema", "public", by), of="create in public")
            for by in ROLES
            for name, sql in (
                ("a table", "create table public.mine (id integer)"),
                ("a view", "create view public.mine as select 1 as x"),
                ("a sequence", "create sequence public.mine"),
                ("a function", "create function public.uid() returns uuid language sql return null::uuid"),
            )
        ),
        *(
            denied(
                "create in private",
                by,
                "create function private.mine() returns integer language sql return 1",
                missing("create", "schema", "private", by),
            )
            for by in ("alice", "service")
        ),
        *(
            denied(
                f"{sequence}",
                by,
                sql.format(sequence),
                missing(privilege, "sequence", f"public.{sequence}", by),
                of=of,
            )
            for by in ROLES
            for of, privilege, sql in (
                ("read the last value of", "select", "select last_value from public.{}"),
                ("advance", "usage", "select nextval('public.{}')"),
                ("move", "update", "select setval('public.{}', 1000000)"),
            )
            for sequence in SEQUENCES
        ),
    ),
)
