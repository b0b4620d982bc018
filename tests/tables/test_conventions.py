"""The rules of SCHEMA.md section 1 that hold for the whole schema, objects of tomorrow included."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pglast import ast, parser

from pgassay.database import Session
from pgassay.observation import Persona

TABLES = [
    *("api_usage_logs", "credit_packages", "credit_transactions", "jobs"),
    *("payments", "user_preferences", "users", "webhook_logs"),
]
OWNED = ["credit_transactions", "jobs", "payments", "user_preferences", "users"]
MONEY = [
    ("credit_packages", "price_thb", "numeric(10,2)"),
    ("payments", "amount_thb", "numeric(10,2)"),
    ("api_usage_logs", "cost_usd", "numeric(12,6)"),
]

# The only functions with rights of their own: triggers that write what their caller may not, one narrow call.
DEFINERS = [
    "private.check_job_values",
    "private.empty_closed_account",
    "private.handle_changed_user",
    "private.handle_deleted_user",
    "private.handle_login",
    "private.handle_new_user",
    "private.mirror_shortfall",
    "private.settle_inserted_jobs",
    "private.settle_inserted_payments",
    "private.settle_moved_jobs",
    "private.settle_moved_payments",
    "private.take_turn",
    "public.close_my_account",
    "public.credits_owed",
    "public.grant_credits",
    "public.objects_to_erase",
    "public.purge_logs",
    "public.reclaim_expired_jobs",
    "public.refund_partially",
    "public.reinstate_payment",
    "public.reopen_account",
    "public.settle_debt",
]
FUNCTIONS = [
    *("claim_next_jobs", "close_my_account", "complete_job", "credits_owed", "expire_subscriptions"),
    *("expiring_subscriptions", "fail_job", "find_users", "grant_credits", "heartbeat_job"),
    *("objects_to_erase", "purge_logs", "reclaim_expired_jobs", "refund_partially", "reinstate_payment"),
    *("reopen_account", "settle_debt"),
]
HIDDEN = ["column_privacy", "debts", "partial_refunds", "secrets", "trial_takers"]

OWN = "in ('public'::regnamespace, 'private'::regnamespace)"


def column(session: Session, query: str) -> list[str]:
    """The only column of a query."""
    return [next(iter(row.values())) for row in session.execute(query).rows]


def names(session: Session, kind: str, *, schema: str = "public") -> list[str]:
    """The relations of a kind in a schema, sorted."""
    return column(session, f"""
        select relname::text from pg_class
        where relnamespace = '{schema}'::regnamespace and relkind = '{kind}' order by 1
    """)  # fmt: skip


def test_public_has_exactly_these_relations_and_types(session: Session) -> None:
    assert names(session, "r") == TABLES
    assert names(session, "v") == ["job_queue_status", "user_stats"]
    assert names(session, "r", schema="private") == HIDDEN
    assert [names(session, kind) for kind in "pmf"] == [[], [], []]
    assert [names(session, kind, schema="private") for kind in "vpmf"] == [[], [], [], []]
    types = f"select typname::text from pg_type where typnamespace {OWN} and typtype in ('e', 'd', 'r')"
    assert sorted(column(session, types)) == [
        "job_status",
        "payment_provider",
        "payment_status",
        "transaction_type",
    ]
    functions = "select proname::text from pg_proc where pronamespace = 'public'::regnamespace order by 1"
    assert column(session, functions) == FUNCTIONS


def test_no_time_without_zone_and_no_float(session: Session) -> None:
    """In columns, arguments and results alike."""
    used = f"""
        select a.attrelid::regclass || '.' || a.attname as place, a.atttypid as type
        from pg_attribute as a inner join pg_class as c on a.attrelid = c.oid
        where c.relnamespace {OWN} and c.relkind in ('r', 'v') and a.attnum > 0
        union all
        select p.oid::regprocedure::text, t.type
        from pg_proc as p
        cross join unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]) || p.prorettype) as t (type)
        where p.pronamespace {OWN}
    """
    imprecise = "('timestamp', 'time', 'timetz', 'date', 'float4', 'float8', 'money', 'json')"
    assert session.value(f"select count(*) from ({used}) as u where u.type = 'timestamptz'::regtype") > 20
    found = f"select u.place from ({used}) as u inner join pg_type as t on u.type = t.oid"
    assert column(session, f"{found} where t.typname in {imprecise}") == []


@pytest.mark.parametrize(("table", "name", "kind"), MONEY)
def test_money_is_numeric_with_a_scale(session: Session, table: str, name: str, kind: str) -> None:
    query = """
        select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = %s::regclass and attname = %s
    """
    assert session.value(query, [f"public.{table}", name]) == kind


@pytest.mark.parametrize(
    ("catalog", "name", "chosen", "at_least"),
    [
        ("pg_namespace", "nspname", "nspname = 'private'", 1),
        ("pg_class", "relname", f"relkind in ('r', 'v') and relnamespace {OWN}", 10),
        ("pg_type", "typname", f"typtype = 'e' and typnamespace {OWN}", 4),
        ("pg_proc", "proname", f"pronamespace {OWN}", 25),
    ],
    ids=["schema", "relation", "type", "function"],
)
def test_everything_has_a_comment(
    session: Session, catalog: str, name: str, chosen: str, at_least: int
) -> None:
    query = f"select {name}::text from {catalog} as o where {chosen}"
    assert len(column(session, query)) >= at_least
    assert (
        column(session, f"{query} and coalesce(obj_description(o.oid, '{catalog}'), '') !~ '\\w+ \\w+'") == []
    )


def test_every_table_is_under_forced_row_level_security(session: Session) -> None:
    query = """
        select relname::text as name from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r'
            and relrowsecurity and relforcerowsecurity
        order by 1
    """
    assert column(session, query) == TABLES


def test_every_owned_table_has_one_restrictive_policy_for_every_command(session: Session) -> None:
    query = """
        select tablename::text as name, cmd, roles::text[], permissive from pg_policies
        where schemaname = 'public' and permissive = 'RESTRICTIVE' order by 1
    """
    assert [list(row.values()) for row in session.execute(query).rows] == [
        [table, "ALL", ["authenticated"], "RESTRICTIVE"] for table in OWNED
    ]


def test_one_permissive_policy_per_table_command_and_role(session: Session) -> None:
    query = """
        select concat_ws(' ', p.tablename, c.cmd, r.role) as place
        from pg_policies as p
        cross join unnest(p.roles) as r (role)
        inner join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as c (cmd) on p.cmd in (c.cmd, 'ALL')
        where p.schemaname = 'public' and p.permissive = 'PERMISSIVE'
        order by 1
    """
    assert column(session, query) == [
        "credit_packages SELECT anon",
        "credit_packages SELECT authenticated",
        "credit_transactions SELECT authenticated",
        "jobs INSERT authenticated",
        "jobs SELECT authenticated",
        "jobs UPDATE authenticated",
        "payments SELECT authenticated",
        "user_preferences INSERT authenticated",
        "user_preferences SELECT authenticated",
        "user_preferences UPDATE authenticated",
        "users SELECT authenticated",
        "users UPDATE authenticated",
    ]


def children(node: ast.Node) -> Iterator[ast.Node]:
    for name in node:
        value = getattr(node, name)
        yield from (
            item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, ast.Node)
        )


def calls(node: ast.Node, *, inside: bool = False) -> Iterator[tuple[str, bool]]:
    """Every call below a node: its name, and whether it is the whole of a scalar sub-select."""
    if isinstance(node, ast.FuncCall):
        yield ".".join(part.sval for part in node.funcname), inside
    target = isinstance(node, ast.ResTarget) and inside
    for child in children(node):
        alone = isinstance(child, ast.SelectStmt) and not child.fromClause and isinstance(node, ast.SubLink)
        yield from calls(child, inside=alone or target or (inside and isinstance(child, ast.ResTarget)))


def test_policies_ask_once_per_statement_who_the_user_is(session: Session) -> None:
    """`(select auth.uid())` is evaluated once, a bare auth.uid() for every row."""
    expressions = column(session, """
        select e.expression
        from pg_policies as p cross join unnest(array[p.qual, p.with_check]) as e (expression)
        where e.expression is not null
    """)  # fmt: skip
    found = [call for text in expressions for call in calls(parser.parse_sql(f"select {text}")[0].stmt)]
    asked = [wrapped for name, wrapped in found if name == "auth.uid"]
    assert len(asked) > 20
    assert all(asked)


def test_bare_call_would_be_found() -> None:
    """The control of the test above."""
    bare, wrapped = "select id = auth.uid()", "select id = (select auth.uid() as uid)"
    found = [list(calls(parser.parse_sql(text)[0].stmt)) for text in (bare, wrapped)]
    assert found == [[("auth.uid", False)], [("auth.uid", True)]]


def test_every_function_has_an_empty_search_path(session: Session) -> None:
    query = f"""
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace {OWN} and not 'search_path=""' = any(coalesce(p.proconfig, '{{}}'))
    """
    assert session.value(f"select count(*) from pg_proc where pronamespace {OWN}") > 20
    assert column(session, query) == []


def test_only_these_functions_are_security_definer(session: Session) -> None:
    query = f"""
        select pronamespace::regnamespace || '.' || proname from pg_proc
        where pronamespace {OWN} and prosecdef order by 1
    """
    assert column(session, query) == DEFINERS


@pytest.mark.parametrize("table", ["users", "jobs", "credit_transactions", "payments"])
def test_temporary_table_of_a_client_deceives_no_function(
    session: Session, alice: Persona, table: str
) -> None:
    """An empty search path still finds temporary tables first: only a qualified name is safe."""
    balance = "select credits from public.users where id = %s"
    before = session.value(balance, [alice.id])
    session.act_as(alice)
    session.execute(f"create temporary table {table} (like public.{table} including all)")
    session.execute(
        "insert into public.jobs (user_id, status, input_video_path) values (%s, 'QUEUED', %s)",
        [alice.id, f"{alice.id}/new.mp4"],
    )
    assert session.value(balance, [alice.id]) == before - 1
    assert session.value(f"select count(*) from pg_temp.{table}") == 0
