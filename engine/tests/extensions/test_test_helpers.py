"""The helpers that other people's pgTAP files install through database.dev, as the files find them there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import errors

from pgassay.database import Layer, Recipe, clone, ensure_template
from pgassay.pgtap.source import find_pgtap, install_pgtap
from pgassay.server import ATTACHED, Server

Connection = psycopg.Connection[Any]

PROJECT = """
create table public.profile (id uuid primary key, made_by name, at timestamptz default now());
create function public.welcome() returns trigger language plpgsql as $$
begin insert into public.profile (id, made_by) values (new.id, current_user); return new; end $$;
create trigger welcome after insert on auth.users for each row execute function public.welcome();
"""


@pytest.fixture(scope="module")
def template(server: Server, owner: str, environment: Layer) -> str:
    def install(connection: Connection) -> None:
        install_pgtap(connection, find_pgtap(connection))

    pgtap = Layer(name="pgtap", applied_by="superuser", step=install, fingerprint="")
    return ensure_template(server, Recipe(owner=owner, layers=(environment, pgtap)))


@pytest.fixture
def file(server: Server, owner: str, template: str) -> Iterator[Connection]:
    """A transaction of the owner's, as a pgTAP file is, with the helpers in it."""
    if server.origin == ATTACHED:
        pytest.skip("a server that somebody else runs has its own extensions only")
    with (
        clone(server, template, owner=owner) as database,
        closing(database.connect()) as connection,
    ):
        connection.execute("set search_path = public, extensions")
        connection.execute("create extension \"basejump-supabase_test_helpers\" version '0.0.6'")
        yield connection


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def test_user_is_made_with_the_rights_of_the_schemas_owner_and_by_any_role(
    file: Connection, owner: str
) -> None:
    file.execute(PROJECT)
    file.execute("set local role anon")
    made = value(file, "select tests.create_supabase_user('ann', metadata => '{\"plan\": \"free\"}')")
    with pytest.raises(errors.InsufficientPrivilege), file.transaction():
        file.execute("select from auth.users")
    file.execute("reset role")
    assert file.execute("select * from public.profile").fetchone()[:2] == (made, owner)  # type: ignore[index]
    user = value(file, "select tests.get_supabase_user('ann')")
    assert user == {
        "id": str(made),
        "email": f"{made}@test.com",
        "phone": None,
        "raw_user_meta_data": {"test_identifier": "ann", "plan": "free"},
        "raw_app_meta_data": {},
    }


def test_requests_are_those_of_a_user_the_service_and_nobody(file: Connection) -> None:
    file.execute("select tests.create_supabase_user('ann', 'ann@example.test', '555')")
    file.execute("select tests.authenticate_as('ann')")
    query = "select current_role, auth.uid() = tests.get_supabase_uid('ann'), auth.jwt() ->> 'email'"
    assert file.execute(query.encode()).fetchone() == ("authenticated", True, "ann@example.test")
    for switch, role in (("authenticate_as_service_role", "service_role"), ("clear_authentication", "anon")):
        file.execute(f"select tests.{switch}()".encode())
        found = file.execute("select current_role, auth.uid(), current_setting('request.jwt.claims')")
        assert found.fetchone() == (role, None, "")
    with pytest.raises(errors.RaiseException, match=r"^User with identifier bob not found"):
        file.execute("select tests.authenticate_as('bob')")


def test_row_level_security_is_asserted_of_a_schema_and_of_a_table(file: Connection) -> None:
    file.execute("select plan(4); create table public.a (); create table public.b ()")
    file.execute("alter table public.a enable row level security")
    queries = ("'public'", "'public', 'a'", "'public', 'b'")
    assert [value(file, f"select tests.rls_enabled({query}) ~ '^ok'") for query in queries] == [
        False,
        True,
        False,
    ]
    file.execute("alter table public.b enable row level security")
    assert value(file, "select tests.rls_enabled('public') ~ '^ok'") is True


def test_time_stands_still_until_it_is_let_go(file: Connection) -> None:
    file.execute("select tests.create_supabase_user('ann'), tests.authenticate_as('ann')")
    file.execute("select tests.freeze_time('2020-02-29')")
    assert value(file, "select now() = '2020-02-29'::timestamptz and now() <> pg_catalog.now()") is True
    file.execute("select tests.freeze_time(date '2021-01-01')")
    assert value(file, "select now() = '2021-01-01'::timestamptz") is True
    file.execute("select tests.unfreeze_time()")
    assert value(file, "select now() = pg_catalog.now()") is True
    assert value(file, "select current_setting('search_path')") == "public, extensions"


def test_file_that_installs_them_over_the_network_goes_through(file: Connection) -> None:
    """Nothing answers, and nothing need: packages that have a stand-in are there."""
    file.execute("""
        create extension http with schema extensions;
        create extension pg_tle;
        drop extension "basejump-supabase_test_helpers";
        select pgtle.uninstall_extension_if_exists('supabase-dbdev');
        select pgtle.install_extension('supabase-dbdev', p ->> 'version', 'manager', p ->> 'sql')
        from http(row('GET', 'https://example.test', null, null, null)::http_request) as answer,
            lateral (select answer.content::json -> 0) as package (p);
        create extension "supabase-dbdev";
        create extension if not exists "basejump-supabase_test_helpers";
    """)
    assert value(file, "select dbdev.install('basejump-supabase_test_helpers')") is True
    assert value(file, "select tests.create_supabase_user('ann') is not null") is True
    assert value(file, "select count(*) from pgtle.available_extensions()") == 0
