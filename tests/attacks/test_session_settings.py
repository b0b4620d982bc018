"""What a client could set for itself if it could send any SQL: roles, parameters, locks, names.

PostgREST passes on neither SET nor any function outside the exposed schema. So what succeeds here is out of a
browser's reach; it is pinned to show how much rests on that.
"""

from __future__ import annotations

from contextlib import closing, suppress
from typing import LiteralString

import psycopg
import pytest

from pgassay.database import Client, Database, Session, open_client
from pgassay.observation import Attempt, Outcome, Persona
from tests.attacks.attack import ALICE
from tests.attacks.requests import undone_request

SUPERUSER = "the server's superuser"  # supabase_admin, but on an attached server
ROLES = (
    *("postgres", SUPERUSER, "supabase_auth_admin", "supabase_storage_admin"),
    *("supabase_realtime_admin", "pg_read_all_data", "pg_read_server_files"),
)
TABLES = (
    *("users", "jobs", "payments", "credit_transactions"),
    *("user_preferences", "credit_packages"),
)


def state(attempt: Attempt) -> tuple[Outcome, str]:
    return attempt.outcome, attempt.sqlstate


DENIED = (Outcome.DENIED_GRANT, "42501")


@pytest.mark.parametrize("role", ROLES)
def test_roles_that_own_or_read_everything_are_refused(
    shared_database: Database, client: Client, alice: Persona, role: str
) -> None:
    role = shared_database.server.user if role == SUPERUSER else role
    with client.request(alice):
        attempts = [
            client.attempt(f"set role {role}"),
            client.attempt(f"select set_config('role', '{role}', false)"),
            client.attempt(f"set session authorization {role}"),
        ]
        assert client.value("select current_user::text") == "authenticated"
    assert [state(attempt) for attempt in attempts] == [DENIED] * 3


@pytest.mark.parametrize(
    "command", ["set role service_role", "select set_config('role', 'service_role', true)"]
)
def test_login_of_postgrest_may_become_service_role_if_set_ever_reaches_it(
    client: Client, alice: Persona, command: LiteralString
) -> None:
    """Open: SET ROLE asks for the memberships of who logged in, authenticator, not for those of the role."""
    with client.request(alice):
        client.execute(command)
        assert client.value("select current_user::text") == "service_role"
        assert client.value("select count(*) from public.users") == 3
        client.execute("set role authenticated")


@pytest.mark.parametrize("role", ["service_role", "anon", "authenticator", *ROLES])
def test_login_that_is_authenticated_alone_becomes_nobody_else(
    shared_database: Database, alice: Persona, role: str
) -> None:
    """Memberships are the cluster's: the schema's own database is no place for the superuser behind this."""
    server = shared_database.server
    role = server.user if role == SUPERUSER else role
    with closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as connection:
        connection.execute("set session authorization authenticated")
        client = Client(connection)
        with client.request(alice):
            attempts = [
                client.attempt(f"set role {role}"),
                client.attempt(f"select set_config('role', '{role}', true)"),
            ]
            assert client.value("select current_user::text") == "authenticated"
    assert [state(attempt) for attempt in attempts] == [DENIED] * 2


@pytest.mark.parametrize(("role", "offered"), [("anon", []), ("authenticated", ["close_my_account()"])])
def test_exposed_schema_offers_clients_no_function_but_to_leave(
    session: Session, role: str, offered: list[str]
) -> None:
    """So nothing that PostgREST can call sets a role, a claim or a time limit."""
    query = """
        select p.oid::regprocedure::text as name from pg_proc as p
        where p.pronamespace = 'public'::regnamespace and has_function_privilege({}, p.oid, 'execute')
    """
    assert [row["name"] for row in session.execute(query.format(f"'{role}'")).rows] == offered
    backend = {row["name"] for row in session.execute(query.format("'service_role'")).rows}
    assert len(backend) == 16
    assert not backend & set(offered)


@pytest.mark.parametrize("table", TABLES)
def test_row_security_off_gives_an_error_instead_of_rows(client: Client, alice: Persona, table: str) -> None:
    with client.request(alice):
        assert client.value(f"select count(*) from public.{table}") > 0
        client.execute("set local row_security = off")
        attempt = client.attempt(f"select * from public.{table}")
    assert (attempt.outcome, attempt.sqlstate, attempt.rows) == (Outcome.DENIED_POLICY, "42501", [])


PARAMETERS = (
    *("session_replication_role = replica", "log_statement = 'none'", "log_min_messages = panic"),
    *("lo_compat_privileges = on", "session_preload_libraries = 'x'", "temp_file_limit = -1"),
    *("zero_damaged_pages = on", "allow_system_table_mods = on"),
)


@pytest.mark.parametrize("setting", PARAMETERS)
def test_parameters_that_weaken_the_server_are_refused(client: Client, alice: Persona, setting: str) -> None:
    with client.request(alice):
        assert state(client.attempt(f"set {setting}")) == DENIED


@pytest.mark.parametrize(("name", "limit"), [("anon", "3s"), ("alice", "8s"), ("service", "8s")])
def test_request_brings_the_time_limits_of_its_role(
    client: Client, personas: dict[str, Persona], name: str, limit: str
) -> None:
    """What a role has no limit of its own for, it has from the login."""
    with client.request(personas[name]):
        limits = client.execute("""
            select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock
        """).rows
    assert limits == [{"statement": limit, "lock": "8s"}]


ENDLESS = {
    "sleeps": "select pg_sleep(60)",
    "joins": "select count(*) from generate_series(1, 100000) as a, generate_series(1, 100000) as b",
    "recurses": "with recursive r as (select 1 as n union all select n % 7 from r) select count(*) from r",
    "loops": "do $$ begin loop end loop; end $$",
}


@pytest.mark.parametrize("statement", ENDLESS.values(), ids=ENDLESS)
def test_statement_without_end_is_57014(clone: Database, service: Persona, statement: LiteralString) -> None:
    """By the limit of the login, made shorter here: the backend has no other, and clients' work the same."""
    tries = (try_within(limit, clone, service, statement) for limit in ("60ms", "2s", "20s"))
    assert state(next(filter(None, tries))) == (Outcome.ERROR, "57014")


def try_within(limit: str, database: Database, persona: Persona, statement: LiteralString) -> Attempt | None:
    """None where the request itself took longer than its limit, as it may on a busy machine."""
    server = database.server
    with closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as superuser:
        superuser.execute(
            f"alter role authenticator in database {database.name} set statement_timeout = '{limit}'".encode()
        )
    with suppress(psycopg.errors.QueryCanceled), open_client(database) as client, client.request(persona):
        assert client.value("show statement_timeout") == limit
        return client.attempt(statement)
    return None


def test_client_could_lift_its_time_limit_if_set_ever_reached_it(client: Client, alice: Persona) -> None:
    """Open, of PostgreSQL: statement_timeout is anybody's to set."""
    with client.request(alice):
        client.execute("set local statement_timeout = 0")
        assert client.value("show statement_timeout") == "0"


STRONGER = (
    *("row share", "row exclusive", "share update exclusive", "share", "share row exclusive"),
    *("exclusive", "access exclusive"),
)


@pytest.mark.parametrize("mode", STRONGER)
def test_tables_can_not_be_locked(client: Client, alice: Persona, anon: Persona, mode: str) -> None:
    lock = f"lock table public.{{}} in {mode} mode nowait"
    with client.request(alice):
        attempts = [client.attempt(lock.format(table)) for table in (*TABLES, "webhook_logs")]
        reading = client.attempt("lock table public.jobs in access share mode")
    with client.request(anon):
        attempts += [client.attempt(lock.format("jobs")), client.attempt(lock.format("credit_packages"))]
    assert [state(attempt) for attempt in attempts] == [DENIED] * 9
    assert reading.sqlstate == ""  # what every SELECT takes


@pytest.mark.parametrize("schema", ["public", "private", "auth", "storage", "extensions", "pg_catalog"])
def test_client_makes_functions_in_no_schema_that_is_searched_for_them(
    client: Client, alice: Persona, schema: str
) -> None:
    """pg_temp is open to it, but never searched for functions, wherever it stands in the path."""
    function = "create function {}.lower(text) returns text language sql as $$ select 'temporary' $$"
    with undone_request(client, alice):
        assert state(client.attempt(function.format(schema))) == DENIED
        client.execute(function.format("pg_temp"))
        client.execute("set local search_path = pg_temp, public, pg_catalog")
        assert client.value("select lower('A')") == "a"


STATEMENTS = (
    "insert into public.jobs (user_id, status, input_video_path)"
    f" values ('{ALICE}', 'QUEUED', '{ALICE}/a.mp4')",
    f"update public.jobs set status = 'CANCELLED' where user_id = '{ALICE}' and status = 'QUEUED'",
    f"update public.jobs set status = 'QUEUED' where user_id = '{ALICE}' and status = 'PENDING'",
)
ENTRIES = """
    select type::text, amount from public.credit_transactions
    where created_at > now() and description like 'Video job%' order by id
"""


@pytest.mark.parametrize("hostile", [False, True])
def test_temporary_tables_of_a_client_move_no_money(clone: Database, alice: Persona, hostile: bool) -> None:
    with open_client(clone) as client, client.request(alice):
        if hostile:
            shadow_everything(client)
        attempts = [client.attempt(statement) for statement in STATEMENTS]
        entries = [tuple(row.values()) for row in client.execute(ENTRIES).rows]
        if hostile:
            assert client.value("select credits from pg_temp.users") == 1000
            assert client.value("select count(*) from pg_temp.credit_transactions") == 0
    assert [attempt.rowcount for attempt in attempts] == [1, 2, 1]
    assert entries == [("USAGE", -1), ("REFUND", 1), ("REFUND", 1), ("USAGE", -1)]


def shadow_everything(client: Client) -> None:
    """Tables of the same names, found first by whoever looks them up without a schema."""
    client.execute("create temporary table users as select * from public.users")
    client.execute("update pg_temp.users set credits = 1000")
    for table in ("jobs", "inserted", "moved_from", "moved_to"):
        client.execute(f"create temporary table {table} (like public.jobs including defaults)")
    for table in ("payments", "credit_transactions", "credit_packages"):
        client.execute(f"create temporary table {table} (like public.{table})")
    client.execute("set local search_path = pg_temp, private, public, pg_catalog")
