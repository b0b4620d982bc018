"""What no row can satisfy is named with what refused, at a bounded price."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.server import Server
from pgassay.supabase.environments import environment_files
from pgassay.world import fill
from pgassay.world.model import SHARED
from tests.world.world_support import ALICE, loaded, make_bench, read

_MOST = 400  # statements for a table that takes no row

REFUSING = {
    "contradictory checks": ("n integer not null check (n > 5), check (n < 3)", "check constraint"),
    "domain that refuses all": ("n public.never not null", "domain never"),
    "enum without labels": ("n public.nothing not null", ""),
    "circle of keys that must not be null": (
        "id integer primary key, other integer not null references public.second",
        "each needs the other first",
    ),
    "partitioned without partitions": ("", "no partition"),
}


def schema_of(name: str, columns: str) -> str:
    before = """
    create domain public.never as integer check (value > 5) check (value < 3);
    create type public.nothing as enum ();
    create table public.second (id integer primary key);
    """
    table = f"create table public.refusing ({columns});"
    if name.startswith("partitioned"):
        table = "create table public.refusing (n integer not null) partition by list (n);"
    if name.startswith("circle"):
        table += """
        alter table public.second
        add column first integer not null references public.refusing;
        """
    return before + table + "create table public.taking (n integer primary key);"


@pytest.mark.parametrize("name", REFUSING)
def test_table_that_no_row_satisfies_is_named_with_what_refused(
    name: str, server: Server, tmp_path: Path
) -> None:
    columns, told = REFUSING[name]
    world = fill(make_bench(server, tmp_path, schema_of(name, columns)))
    [missing] = [missing for missing in world.missing if missing.table == "public.refusing"]
    assert missing.whose == SHARED
    assert told in missing.what
    assert world.spent < _MOST
    assert [row.table for row in world.of("public.taking")] == ["public.taking"]


RAISING = """
create function public.refuse() returns trigger language plpgsql as $$
begin raise exception 'nothing goes in here'; end $$;
create table public.logs (id integer primary key, owner uuid not null references auth.users);
create trigger refuse before insert on public.logs for each row execute function public.refuse();
"""


def test_trigger_that_always_raises_is_gone_round_and_told(server: Server, tmp_path: Path) -> None:
    bench = make_bench(server, tmp_path, RAISING)
    world = fill(bench)
    assert {row.unchecked for row in world.of("public.logs")} == {True}
    with loaded(bench, world) as connection:
        owners = read(connection, "select owner::text from public.logs order by 1")
        [(enabled,)] = read(connection, "select tgenabled from pg_trigger where tgname = 'refuse'")
    assert owners[0] == (ALICE,)
    assert len(owners) == 2
    assert enabled == "O"


ONE_ALONE = {
    "exclusion": ("exclude using gist (circle(point(0, 0), 1) with &&)", "exclusion constraint"),
    "generated key": ("one integer generated always as (1) stored, unique (one)", "duplicate key"),
    "check of a constant": ("one integer not null unique check (one = 1)", "one"),
    "partial index of all": (
        "state text not null default 'on' check (state = 'on'), unique (state)",
        "state",
    ),
}


@pytest.mark.parametrize("name", ONE_ALONE)
def test_table_with_room_for_one_row_has_one_and_says_why(name: str, server: Server, tmp_path: Path) -> None:
    columns, told = ONE_ALONE[name]
    schema = f"""
    create table public.single (
        id uuid primary key default gen_random_uuid(), owner uuid not null references auth.users, {columns}
    );
    """
    world = fill(make_bench(server, tmp_path, schema))
    assert [row.whose for row in world.of("public.single")] == ["alice"]
    [missing] = world.missing
    assert missing.whose == "bob"
    assert told in missing.what
    assert world.spent < _MOST


def test_what_is_refused_at_the_end_of_the_transaction_is_told(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.late (id integer primary key, owner uuid not null references auth.users);
    create function public.refuse() returns trigger language plpgsql as $$
    begin raise exception 'too late for this'; end $$;
    create constraint trigger refuse after insert on public.late deferrable initially deferred
    for each row execute function public.refuse();
    create table public.taking (n integer primary key);
    """
    world = fill(make_bench(server, tmp_path, schema))
    whose = {missing.whose: missing.what for missing in world.missing}
    unchecked = {row.whose for row in world.of("public.late") if row.unchecked}
    assert whose.keys() | unchecked == {"alice", "bob"}
    assert all("too late for this" in what for what in whose.values())
    assert [row.table for row in world.of("public.taking")] == ["public.taking"]
    assert world.spent < _MOST


def test_sign_up_that_a_trigger_refuses_is_gone_round_and_told(server: Server, tmp_path: Path) -> None:
    refusing = RAISING.replace("on public.logs", "on auth.users")
    bench = make_bench(server, tmp_path, refusing)
    world = fill(bench)
    assert [row.unchecked for row in world.of("auth.users")] == [True, True]
    assert world.missing == ()


def test_policies_forced_on_an_owner_who_is_not_exempt_are_told(server: Server, tmp_path: Path) -> None:
    plain = tmp_path / "plain.sql"
    plain.write_text("alter role plain_owner nobypassrls;", encoding="utf-8")
    schema = """
    create table public.closed (id integer primary key);
    alter table public.closed enable row level security;
    alter table public.closed force row level security;
    create table public.taking (id integer primary key);
    """
    world = fill(
        make_bench(
            server,
            tmp_path,
            schema,
            owner="plain_owner",
            environment=(*environment_files("supabase"), plain),
        )
    )
    [missing] = [missing for missing in world.missing if missing.table == "public.closed"]
    assert missing.whose == SHARED
    assert "row-level security policy" in missing.what
    assert [row.table for row in world.of("public.taking")] == ["public.taking"]
