"""The environment that stands in for Supabase behaves as a project there does, and grants nobody more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from pgassay.database import Client, Session, open_client
from pgassay.observation import Persona
from pgassay.workbench import Workbench

ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def client(workbench: Workbench) -> Iterator[Client]:
    """A real login as authenticator: behind a session is the owner, who may become any role again."""
    with workbench.database() as database, open_client(database) as client:
        yield client


def set_claims(session: Session, *, claims: str, legacy_sub: str = "") -> None:
    session.execute("select set_config('request.jwt.claims', %s, true)", [claims])
    session.execute("select set_config('request.jwt.claim.sub', %s, true)", [legacy_sub])


@pytest.mark.parametrize(
    ("role", "may_log_in", "inherits", "bypasses_rls"),
    [
        ("anon", False, True, False),
        ("authenticated", False, True, False),
        ("service_role", False, True, True),
        ("authenticator", True, False, False),
    ],
)
def test_request_roles_have_the_documented_attributes(
    session: Session, role: str, may_log_in: bool, inherits: bool, bypasses_rls: bool
) -> None:
    query = """
        select rolcanlogin, rolinherit, rolbypassrls, rolsuper, rolcreaterole, rolcreatedb, rolreplication
        from pg_roles where rolname = %s
    """
    assert list(session.execute(query, [role]).rows[0].values()) == [
        *(may_log_in, inherits, bypasses_rls),
        *(False, False, False, False),
    ]


@pytest.mark.parametrize(
    ("role", "reached"),
    [
        ("anon", []),
        ("authenticated", []),
        ("service_role", []),
        ("authenticator", ["anon", "authenticated", "service_role"]),
    ],
)
def test_request_role_reaches_only_its_documented_roles(
    session: Session, role: str, reached: list[str]
) -> None:
    query = """
        select coalesce(array_agg(rolname::text order by rolname), '{}')
        from pg_roles where rolname <> %(role)s and pg_has_role(%(role)s, oid, 'member')
    """
    assert session.value(query, {"role": role}) == reached


@pytest.mark.parametrize(
    ("role", "settings"),
    [
        ("anon", ["statement_timeout=3s"]),
        ("authenticated", ["statement_timeout=8s"]),
        ("authenticator", ["lock_timeout=8s", "pgrst.db_schemas=public", "statement_timeout=8s"]),
    ],
)
def test_request_role_has_its_timeouts(session: Session, role: str, settings: list[str]) -> None:
    query = "select setconfig from pg_db_role_setting where setrole = %s::regrole and setdatabase = 0"
    assert sorted(session.value(query, [role])) == settings


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to program 'true'",
        "copy (select 1) to '/tmp/pgassay-must-not-exist'",
        "select pg_read_file('/etc/hostname')",
        "grant pg_execute_server_program to current_user",
        "alter role current_user superuser",
        "drop table auth.users",
    ],
)
def test_owner_has_no_power_over_server_or_auth(session: Session, statement: str) -> None:
    assert session.attempt(statement).sqlstate == "42501"


def test_owner_can_put_a_trigger_on_auth_users(session: Session) -> None:
    session.execute(
        "create function public.env_probe() returns trigger language plpgsql as 'begin return new; end'"
    )
    session.execute(
        "create trigger env_probe after insert on auth.users for each row execute function public.env_probe()"
    )
    assert session.value("select count(*) from pg_trigger where tgname = 'env_probe'") == 1


@pytest.mark.parametrize("table", ["storage.buckets", "storage.objects", "realtime.messages"])
def test_owner_can_write_policies_for_service_tables(session: Session, table: str) -> None:
    session.execute(f"create policy env_probe on {table} for select to authenticated using (true)")
    assert (
        session.value("select polrelid::regclass::text from pg_policy where polname = 'env_probe'") == table
    )


def test_owner_can_publish_its_own_table(session: Session) -> None:
    session.execute("create table public.env_probe (id int primary key)")
    session.execute("alter publication supabase_realtime add table public.env_probe")
    query = "select pubname::text from pg_publication_tables where tablename = 'env_probe'"
    assert session.value(query) == "supabase_realtime"


def test_session_outside_personas_is_the_owner_of_the_database(session: Session) -> None:
    owner = session.value("select datdba::regrole::text from pg_database where datname = current_database()")
    assert session.execute("select current_user::text as now, session_user::text as login").rows == [
        {"now": owner, "login": owner}
    ]


def test_owner_can_switch_ordinary_triggers_off(session: Session) -> None:
    session.execute("create table public.env_probe (n int)")
    session.execute(
        "create function public.env_probe() returns trigger language plpgsql as 'begin return null; end'"
    )
    session.execute(
        "create trigger env_probe before insert on public.env_probe"
        " for each row execute function public.env_probe()"
    )
    insert = "insert into public.env_probe values (1)"
    assert session.attempt(insert).rowcount == 0
    assert session.attempt("set local session_replication_role = replica").sqlstate == ""
    assert session.attempt(insert).rowcount == 1


@pytest.mark.parametrize("name", ["anon", "alice", "service"])
@pytest.mark.parametrize(
    "statement",
    [
        "select from auth.users",
        "set session_replication_role = replica",
        "set role postgres",
        "set role supabase_auth_admin",
        "create table auth.env_probe ()",
        "create table storage.env_probe ()",
    ],
)
def test_api_role_is_kept_out(
    client: Client, personas: Mapping[str, Persona], name: str, statement: str
) -> None:
    with client.request(personas[name]):
        assert client.attempt(statement).sqlstate == "42501"


@pytest.mark.parametrize("table", ["auth.users", "storage.buckets", "storage.objects", "realtime.messages"])
def test_service_table_has_row_level_security(session: Session, table: str) -> None:
    assert session.value("select relrowsecurity from pg_class where oid = %s::regclass", [table]) is True


def test_uid_is_null_before_any_request(session: Session) -> None:
    assert session.value("select auth.uid()") is None


@pytest.mark.parametrize(
    ("claims", "legacy_sub", "uid"),
    [
        ("", "", None),
        ("{}", "", None),
        ('{"sub": ""}', "", None),
        ('{"sub": null}', "", None),
        (json.dumps({"sub": ALICE}), "", ALICE),
        ("", BOB, BOB),
        (json.dumps({"sub": ALICE}), BOB, BOB),
    ],
)
def test_uid_reads_legacy_setting_then_claims(
    session: Session, claims: str, legacy_sub: str, uid: str | None
) -> None:
    set_claims(session, claims=claims, legacy_sub=legacy_sub)
    assert session.value("select auth.uid()::text") == uid


def test_malformed_sub_is_an_error(session: Session) -> None:
    set_claims(session, claims='{"sub": "1 or true"}')
    assert session.attempt("select auth.uid()").sqlstate == "22P02"


def test_claims_are_readable_by_the_user(session: Session, personas: Mapping[str, Persona]) -> None:
    session.act_as(personas["alice"])
    query = (
        "select auth.uid()::text as uid, auth.role() as role, auth.jwt() ->> 'email' = auth.email() as agree"
    )
    assert session.execute(query).rows == [{"uid": ALICE, "role": "authenticated", "agree": True}]


@pytest.mark.parametrize(
    ("path", "folders", "filename", "extension"),
    [
        ("a/b/clip.final.mp4", ["a", "b"], "clip.final.mp4", "mp4"),
        ("clip.mp4", [], "clip.mp4", "mp4"),
        ("/clip.mp4", [""], "clip.mp4", "mp4"),
        ("a/../b/clip.mp4", ["a", "..", "b"], "clip.mp4", "mp4"),
    ],
)
def test_storage_helpers_split_a_path(
    session: Session, path: str, folders: list[str], filename: str, extension: str
) -> None:
    query = (
        "select storage.foldername(%(p)s) as a, storage.filename(%(p)s) as b, storage.extension(%(p)s) as c"
    )
    assert list(session.execute(query, {"p": path}).rows[0].values()) == [folders, filename, extension]
