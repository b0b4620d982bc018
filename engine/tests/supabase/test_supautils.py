"""What the schema's owner may do to what the platform owns, and no more: as with the library supautils."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import psycopg
import pytest

from pgassay.database import Database, Layer, Recipe, clone, ensure_template
from pgassay.server import Server

Owners: TypeAlias = psycopg.Connection[Any]

HELD = "select policyname from pg_catalog.pg_policies where schemaname <> 'public' order by 1"


@pytest.fixture
def database(server: Server, owner: str, environment: Layer) -> Iterator[Database]:
    template = ensure_template(server, Recipe(owner=owner, layers=(environment,)))
    with clone(server, template, owner=owner) as made:
        yield made


@pytest.fixture
def owners(database: Database) -> Iterator[Owners]:
    with database.connect(autocommit=True) as connection:
        yield connection


def run(owners: Owners, statement: str) -> str:
    """The SQLSTATE; none of what went through."""
    try:
        owners.execute(statement.encode())
    except psycopg.Error as error:
        return error.sqlstate or "lost"
    return ""


@pytest.mark.parametrize(
    "statement",
    [
        "create policy p on storage.objects using (true)",
        'create policy "a (b) on public.t" on "storage" . "objects" for select using (true)',
        "-- why\n/* and\n how */ CREATE  POLICY p\nON storage.buckets USING (true)",
        "create policy p on realtime.messages for insert with check (realtime.topic() = 'room')",
        "create policy p on realtime.subscription using (true)",
        "create policy p on auth.users using (id = auth.uid())",
        "create policy p on auth.sessions using (user_id = auth.uid())",
        "do $$ begin create policy p on storage.objects using (true); end $$",
        "do $$ begin execute format('create policy %I on storage.objects using (true)', 'a\"b'); end $$",
    ],
)
def test_owner_makes_policies_on_tables_of_the_platform(owners: Owners, statement: str) -> None:
    assert run(owners, statement) == ""
    assert len(owners.execute(HELD).fetchall()) == 1
    assert owners.execute("select current_user = session_user, current_setting('role')").fetchone() == (
        True,
        "none",
    )


def test_a_policy_may_use_a_schema_that_only_its_owner_may(owners: Owners) -> None:
    owners.execute("create schema hidden; create function hidden.f() returns boolean return true")
    owners.execute("create policy p on storage.objects using (hidden.f())")
    assert owners.execute(HELD).fetchall() == [("p",)]


def test_owner_alters_and_drops_its_policies(owners: Owners) -> None:
    owners.execute("create policy p on storage.objects using (true)")
    owners.execute("alter policy p on storage.objects rename to q")
    assert owners.execute(HELD).fetchall() == [("q",)]
    assert run(owners, "drop policy p on storage.objects") == "42704"
    owners.execute("drop policy if exists p on storage.objects")
    owners.execute("drop policy q on storage.objects")
    assert owners.execute(HELD).fetchall() == []


@pytest.mark.parametrize("table", ["auth.users", "storage.objects", "realtime.messages"])
def test_owner_drops_a_trigger_that_it_made_on_the_platforms_tables(owners: Owners, table: str) -> None:
    owners.execute("create function public.f() returns trigger language plpgsql as 'begin return new; end'")
    run(owners, f"create trigger t after insert on {table} for each row execute function public.f()")
    assert run(owners, f"drop trigger t on {table}") == ("" if table != "realtime.messages" else "42704")
    assert run(owners, f"drop trigger t on {table}") == "42704"


@pytest.mark.parametrize(
    "statement",
    [
        "alter table storage.objects disable row level security",
        "alter table storage.objects add column mine text",
        "create index on storage.objects (owner_id)",
        "drop table storage.objects cascade",
        "comment on table storage.objects is 'mine'",
        "alter table auth.users add column mine text",
        "create or replace function auth.uid() returns uuid language sql as 'select gen_random_uuid()'",
        "create table auth.mine (i int)",
        "create table storage.mine (i int)",
        "create table realtime.mine (i int)",
        "alter publication supabase_realtime add table auth.users",
        "delete from storage.objects",
        'drop event trigger "~pgassay_before_ddl"',
        "do $$ begin alter table storage.objects disable row level security; end $$",
    ],
)
def test_owner_is_refused_all_else(owners: Owners, statement: str) -> None:
    assert run(owners, statement) == "42501"


@pytest.mark.parametrize(
    "role", ["supabase_storage_admin", "supabase_auth_admin", "supabase_realtime_admin", "pgassay_supautils"]
)
def test_nobody_gets_round_it_by_becoming_an_admin(owners: Owners, role: str) -> None:
    statements = f"set role {role}; alter table storage.objects disable row level security"
    assert run(owners, statements) == "42501"
    assert owners.execute(
        "select relrowsecurity from pg_class where oid = 'storage.objects'::regclass"
    ).fetchone() == (True,)


def test_owner_has_no_rights_of_the_admins_and_cannot_become_one(server: Server, owners: Owners) -> None:
    """A member it is, which the platform's is not: see docs/fidelity.md."""
    kinds = ["usage", *(["set"] if server.version >= 160000 else [])]
    admins = ["supabase_storage_admin", "supabase_auth_admin", "supabase_realtime_admin"]
    asked = "select bool_or(pg_has_role(r, k)) from unnest(%s::name[]) as r, unnest(%s::text[]) as k"
    assert owners.execute(asked, [admins, kinds]).fetchone() == (False,)
    assert owners.execute(asked, [["anon"], kinds]).fetchone() == (True,)


def test_a_policy_that_is_refused_leaves_nobody_else_at_work(owners: Owners) -> None:
    with owners.transaction():
        assert (
            run(
                owners,
                "do $$ begin create policy p on storage.objects using (nix); "
                "exception when others then null; end $$",
            )
            == ""
        )
        assert owners.execute("select current_user = session_user").fetchone() == (True,)
    assert owners.execute(HELD).fetchall() == []


def test_policies_on_tables_of_others_are_refused(database: Database) -> None:
    """What supautils allows, it allows to the schema's owner."""
    with database.connect(user="authenticator", autocommit=True) as connection:
        connection.execute("set role authenticated")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner of table objects"):
            connection.execute("create policy p on storage.objects using (true)")


def test_grants_of_the_platform_cannot_be_taken_back(owners: Owners) -> None:
    owners.execute("revoke all on storage.objects from anon")
    assert owners.execute("select has_table_privilege('anon', 'storage.objects', 'select')").fetchone() == (
        True,
    )


def test_owner_changes_settings_of_the_roles_of_requests(server: Server, owners: Owners) -> None:
    """In a transaction that is undone: roles belong to the whole cluster."""
    if server.version < 160000:
        pytest.skip("before PostgreSQL 16 the owner has no CREATEROLE")
    settings = [
        "alter role anon set statement_timeout to '4s'",
        "alter role authenticator set pgrst.db_max_rows to '1000'",
        "alter role authenticator set safeupdate.enabled to '0'",
        "alter role authenticated set auto_explain.log_min_duration to '1s'",
        "alter role authenticated set log_min_messages to 'fatal'",
    ]
    with owners.transaction(force_rollback=True):
        assert [run(owners, setting) for setting in settings] == [""] * len(settings)
        assert run(owners, "alter role authenticator set ssl_ca_file to 'x'") == "55P02"


def test_web_hook_and_table_of_migrations_of_older_projects_are_there(owners: Owners) -> None:
    for statement in (
        "create table public.orders (id integer)",
        "create trigger told after insert on public.orders for each row "
        "execute function supabase_functions.http_request('https://example.com', 'POST', '{}', '{}', '1000')",
        "insert into public.orders values (1)",
        "insert into supabase_migrations.schema_migrations (version, name) values ('1', 'first')",
        "select setval('supabase_functions.hooks_id_seq', 1), setval('pgsodium.key_key_id_seq', 1, false)",
    ):
        assert run(owners, statement) == ""
    noted = owners.execute("select hook_table_id::regclass::text, hook_name from supabase_functions.hooks")
    assert noted.fetchall() == [("orders", "told")]


def test_owner_alters_the_tables_in_which_the_cli_notes_its_migrations(owners: Owners) -> None:
    """The CLI makes schema and tables as the owner."""
    for statement in (
        "alter table supabase_migrations.schema_migrations add column created_by text",
        "create unique index on supabase_migrations.schema_migrations (name)",
        "drop table supabase_migrations.seed_files",
        "alter schema supabase_migrations rename to mine",
    ):
        assert run(owners, statement) == ""
    assert run(owners, "alter table auth.users add column mine text") == "42501"
