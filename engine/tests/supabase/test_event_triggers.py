"""Event triggers of the schema's owner fire as on the platform, and never with a superuser's rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgassay.database import Database, Layer, Recipe, Script, apply_script, clone, ensure_template
from pgassay.errors import CannotJudgeError, SchemaError
from pgassay.server import ATTACHED, Server

LOG = """
create table public.log (n int generated always as identity, who name, tag text);
create function public.note() returns event_trigger language plpgsql as $$
begin insert into public.log (who, tag) values (current_user, tg_tag); end $$;
"""
CREATE = "create event trigger e on ddl_command_end execute function public.note();\n"


@pytest.fixture
def database(server: Server, owner: str, environment: Layer) -> Iterator[Database]:
    template = ensure_template(server, Recipe(owner=owner, layers=(environment,)))
    with clone(server, template, owner=owner) as made:
        yield made


def load(database: Database, text: str) -> None:
    apply_script(database.conninfo(), Script(path=Path("1_a.sql"), text=text), timeout_seconds=60)


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.connect(autocommit=True) as connection:
        return connection.execute(query.encode()).fetchall()


def logged(database: Database) -> list[tuple[Any, ...]]:
    return rows(database, "select who, tag from public.log order by n")


def test_trigger_fires_for_later_ddl_of_the_same_file_and_of_others(database: Database, owner: str) -> None:
    load(database, LOG + CREATE + "create table public.a ();")
    load(database, "alter table public.a add column i int;")
    with database.connect(autocommit=True) as connection:
        connection.execute("create table public.b ()")
    assert logged(database) == [(owner, tag) for tag in ("CREATE TABLE", "ALTER TABLE", "CREATE TABLE")]


def test_trigger_is_filtered_by_tag_and_function_is_found_by_the_search_path(
    database: Database, owner: str
) -> None:
    load(
        database,
        LOG + "create event trigger \"E'x\" on sql_drop when tag in ('DROP TABLE', 'DROP VIEW')"
        " execute procedure note();\n"
        "create table public.a (); create view public.v as select; drop view public.v;"
        "create sequence public.s; drop sequence public.s; drop table public.a;",
    )
    assert logged(database) == [(owner, "DROP VIEW"), (owner, "DROP TABLE")]


def test_trigger_is_altered_renamed_commented_and_dropped(database: Database, owner: str) -> None:
    load(
        database,
        LOG + CREATE + "alter event trigger e owner to current_user; comment on event trigger e is 'it''s';"
        "alter event trigger e rename to f; alter event trigger f disable; create table public.a ();"
        "alter event trigger f enable always; create table public.b ();",
    )
    assert logged(database) == [(owner, "CREATE TABLE")]
    about = "select evtenabled, obj_description(oid) from pg_event_trigger where evtname = 'f'"
    assert rows(database, about) == [("A", "it's")]
    load(database, "drop event trigger if exists f, nobody; create table public.c ();")
    assert logged(database) == [(owner, "CREATE TABLE")]


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        (CREATE + CREATE, "42710"),
        (CREATE.replace("note", "none"), "42883"),
        ("create event trigger e on ddl_command_end execute function pgassay.after_ddl();", "42501"),
        (CREATE.replace(" e ", ' "~~" '), "0A000"),
        (CREATE.replace("ddl_command_end", "login"), "0A000"),
        (CREATE + 'alter event trigger e rename to "~~";', "0A000"),
        ("drop event trigger e;", "42704"),
        ('drop event trigger "~pgassay_before_ddl";', "42501"),
        ('alter event trigger "~pgassay_before_extension" disable;', "42501"),
    ],
)
def test_what_the_platform_refuses_or_the_emulation_cannot(
    database: Database, statement: str, sqlstate: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        load(database, LOG + statement)
    assert caught.value.sqlstate == sqlstate
    assert rows(database, "select evtname from pg_event_trigger where evtname !~ '^~pgassay_'") == []


def test_trigger_that_a_block_creates_cannot_be_judged(database: Database) -> None:
    with pytest.raises(CannotJudgeError, match="cannot create event triggers inside of blocks"):
        load(database, LOG + f"do $$ begin {CREATE} end $$;")


EVENTS = ("ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite")


def test_nothing_of_the_schema_runs_while_the_script_of_an_extension_does(
    server: Server, database: Database, owner: str
) -> None:
    """Its statements run as superuser. Even a trigger that makes another one meanwhile is no way in."""
    if server.origin == ATTACHED:
        pytest.skip("a server that somebody else runs has its own extensions only")
    load(
        database,
        LOG + "create function public.more() returns event_trigger language plpgsql as $$\n"
        "begin perform pgassay.resume_event_triggers();\n"
        "perform pgassay.create_event_trigger('x' || gen_random_uuid(), 'ddl_command_end', array[]::text[],"
        " 'public.note()'); end $$;\n"
        "create event trigger \"}last\" on ddl_command_start when tag in ('CREATE EXTENSION')"
        " execute function public.more();\n"
        + "".join(CREATE.replace(" e ", f" z{event} ").replace("ddl_command_end", event) for event in EVENTS),
    )
    load(database, "create extension pg_net; create extension unaccent; create extension pg_cron;")
    assert {who for who, _ in logged(database)} == {owner}
    assert [tag for _, tag in logged(database)] == ["CREATE EXTENSION"] * 3  # at the start, as the owner
    load(database, "create table public.a ();")
    assert len(logged(database)) == 3 + 2 + 3
    states = rows(database, "select distinct evtenabled from pg_event_trigger where evtname ~ '^[zx]'")
    assert states == [("O",)]


def test_nothing_of_the_schema_runs_while_supautils_is_at_work(database: Database, owner: str) -> None:
    load(database, LOG + CREATE)
    load(database, "create policy p on storage.objects using (true); create table public.a ();")
    assert logged(database) == [(owner, "CREATE TABLE")]


def test_failed_statement_leaves_the_triggers_as_they_were(database: Database, owner: str) -> None:
    load(database, LOG + CREATE)
    with database.connect(autocommit=True) as connection:
        for statement in ("create extension nonsense", "create policy p on storage.objects using (nonsense)"):
            with pytest.raises(psycopg.Error):
                connection.execute(statement.encode())
    load(database, "create table public.a ();")
    assert logged(database) == [(owner, "CREATE TABLE")]
