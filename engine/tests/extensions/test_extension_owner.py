"""The schema's owner creates and drops extensions as on the platform, and reaches nothing beyond them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from pgassay.config import Config
from pgassay.database import Layer, Recipe, clone, ensure_template
from pgassay.extensions.catalogue import VERSION, stand_ins
from pgassay.server import ATTACHED, Server
from pgassay.supabase.environments import environment_files
from pgassay.workbench import Workbench

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def template(server: Server, owner: str, environment: Layer) -> str:
    return ensure_template(server, Recipe(owner=owner, layers=(environment,)))


@pytest.fixture
def project(server: Server, owner: str, template: str) -> Iterator[Connection]:
    """A new project, entered by its owner."""
    if server.origin == ATTACHED:
        pytest.skip("a server that somebody else runs has its own extensions only")
    with (
        clone(server, template, owner=owner) as database,
        closing(database.connect(autocommit=True)) as connection,
    ):
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "alter extension citext set schema extensions",
        '/* moved */ ALTER EXTENSION "citext" SET SCHEMA "extensions";',
        "do $$ begin alter extension citext set schema extensions; end $$",
    ],
)
def test_owner_moves_an_extension_to_another_schema(project: Connection, statement: str) -> None:
    project.execute("create extension citext with schema public; create table public.t (x public.citext)")
    project.execute(statement.encode())
    assert value(
        project, "select extnamespace::regnamespace::text from pg_extension where extname = 'citext'"
    ) == ("extensions")
    assert value(project, "select to_regtype('extensions.citext') is not null") is True


def test_extension_is_moved_by_its_owner_alone_and_where_the_owner_may_create(project: Connection) -> None:
    project.execute(
        "create extension citext with schema public; grant usage, create on schema public to anon"
    )
    with pytest.raises(errors.InsufficientPrivilege, match="must be owner of extension citext"):
        project.execute("set role anon; alter extension citext set schema public")
    project.execute("reset role")
    with pytest.raises(errors.InsufficientPrivilege, match="permission denied for schema pg_catalog"):
        project.execute("alter extension citext set schema pg_catalog")
    assert value(project, "select to_regtype('public.citext') is not null") is True


def test_older_project_has_what_its_files_drop_without_a_word_of_creating_it(
    server: Server, tmp_path: Path
) -> None:
    if server.origin == ATTACHED:
        pytest.skip("a server that somebody else runs has its own extensions only")
    schema = tmp_path / "schema.sql"
    schema.write_text("drop extension pg_graphql; create table public.t ()")
    config = replace(Config(), schema=(schema,), environment=environment_files("supabase"))
    with Workbench(config, server).database() as database, closing(database.connect()) as connection:
        assert value(connection, "select to_regclass('public.t') is not null")
        assert not value(connection, "select exists (select from pg_extension where extname = 'pg_graphql')")


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def test_new_project_has_the_platforms_four_and_their_functions_unqualified(project: Connection) -> None:
    rows = project.execute(
        "select extname, extnamespace::regnamespace::text from pg_extension"
        " where extname <> 'plpgsql' order by 1"
    ).fetchall()
    assert rows == [
        ("pg_stat_statements", "extensions"),
        ("pgcrypto", "extensions"),
        ("supabase_vault", "vault"),
        ("uuid-ossp", "extensions"),
    ]
    made = value(project, "select uuid_generate_v5(uuid_ns_url(), 'a')")
    assert made == uuid.uuid5(uuid.NAMESPACE_URL, "a")


def test_owner_drops_what_a_project_begins_with_and_makes_it_again(project: Connection) -> None:
    project.execute("drop extension if exists pgcrypto; create extension pgcrypto with schema public")
    assert value(project, "select public.digest('a', 'md5') = decode(md5('a'), 'hex')") is True
    with pytest.raises(errors.DuplicateObject):
        project.execute("create extension pgcrypto")
    project.execute("create extension if not exists pgcrypto")


@pytest.mark.parametrize("name", ["moddatetime", "pg_buffercache", "earthdistance"])
def test_untrusted_extension_is_the_owners_to_create(project: Connection, name: str) -> None:
    project.execute(
        f"do $$ begin execute 'create extension {name} with schema extensions cascade'; end $$".encode()
    )
    assert value(project, f"select extversion from pg_extension where extname = '{name}'") != VERSION


def test_extension_that_the_platform_refuses_is_refused(project: Connection) -> None:
    project.execute("create extension moddatetime")
    with pytest.raises(errors.InsufficientPrivilege):
        project.execute("create extension file_fdw")


@pytest.mark.parametrize("name", sorted(stand_ins().keys() - {"supabase_vault", "pgcrypto", "uuid-ossp"}))
def test_stand_in_is_an_extension_with_valid_functions(project: Connection, name: str) -> None:
    project.execute(f'create extension "{name}" cascade'.encode())
    members = """
        select p.oid, l.lanname from pg_depend as d
        inner join pg_extension as e on d.refobjid = e.oid and d.deptype = 'e'
        inner join pg_proc as p on d.objid = p.oid and d.classid = 'pg_proc'::regclass
        inner join pg_language as l on p.prolang = l.oid
        where e.extversion = 'stand-in' and l.lanname in ('sql', 'plpgsql')
    """
    for oid, language in project.execute(members.encode()).fetchall():
        validator = "fmgr_sql_validator" if language == "sql" else "plpgsql_validator"
        project.execute(f"select {validator}({oid})".encode())
    project.execute(f'drop extension "{name}"'.encode())


def test_nothing_of_a_stand_in_lends_its_maker_a_superusers_rights(project: Connection) -> None:
    """Only functions of vault and pg_cron run as their owner, and these see pg_catalog alone."""
    for name in sorted(stand_ins().keys() - {"pgcrypto", "uuid-ossp", "supabase_vault"}):
        project.execute(f'create extension if not exists "{name}" cascade'.encode())
    definers = project.execute(
        "select p.oid::regproc::text, p.proconfig from pg_proc as p"
        " inner join pg_roles as r on r.oid = p.proowner where r.rolsuper and p.prosecdef and p.oid in"
        " (select d.objid from pg_depend as d where d.deptype = 'e')"
    ).fetchall()
    assert {name for name, _ in definers} == {
        *("vault.create_secret", "vault.update_secret", "cron._store", "cron._alter", "cron._remove")
    }
    assert {tuple(settings) for _, settings in definers} == {('search_path=""',)}


def test_a_table_of_the_owner_may_refer_to_a_secret_as_on_the_platform(project: Connection) -> None:
    project.execute("create table public.keys (secret uuid references vault.secrets)")
    with pytest.raises(errors.InsufficientPrivilege):
        project.execute("update vault.secrets set name = 'mine'")


TRAP = """
    create schema trap;
    create function trap.steal() returns boolean language plpgsql as
    $$ begin execute 'alter role ' || quote_ident(session_user) || ' superuser'; return true; end $$;
    create function trap.set_config(text, text, boolean) returns text language sql as
    $$ select trap.steal()::text $$;
    create function trap.format(text, text) returns text language sql as
    $$ select trap.steal()::text $$;
    create function trap.format(text, regrole) returns text language sql as
    $$ select trap.steal()::text $$;
    create function trap.to_regrole(text) returns regrole language sql as
    $$ select trap.steal()::text::regrole $$;
    create function trap.nextval(text) returns bigint language sql as
    $$ select trap.steal()::integer $$;
    create function trap.convert_from(bytea, text) returns text language sql as
    $$ select trap.steal()::text $$;
    create function trap.add(regrole, text) returns text language sql as
    $$ select trap.steal()::text $$;
    create function trap.same(text, name) returns boolean language sql as
    $$ select trap.steal() $$;
    create operator trap.|| (leftarg = regrole, rightarg = text, function = trap.add);
    create operator trap.= (leftarg = text, rightarg = name, function = trap.same);
    set search_path = trap, pg_catalog, public;
"""


def test_script_in_a_schema_that_the_owner_prepared_calls_nothing_of_it(project: Connection) -> None:
    """The owner offers better matches for what the scripts use; a superuser must not step on one."""
    project.execute(TRAP)
    project.execute("drop extension supabase_vault")
    for name in sorted(stand_ins().keys() - {"pgcrypto", "uuid-ossp"}):
        project.execute(f'create extension if not exists "{name}" cascade'.encode())
    project.execute("set search_path = public")
    project.execute("select cron.schedule('* * * * *', 'select 1'), vault.create_secret('a', 'b')")
    assert value(project, "select decrypted_secret from vault.decrypted_secrets") == "a"
    assert value(project, "select rolsuper from pg_roles where rolname = session_user") is False
    with pytest.raises(errors.InsufficientPrivilege):  # the trap works where it is stepped on
        project.execute("select trap.steal()")
