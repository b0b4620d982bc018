"""Worlds of small schemas, and questions to the databases that have them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from pgassay.config import DEFAULT_PERSONAS, Config
from pgassay.server import Server
from pgassay.supabase.environments import environment_files
from pgassay.workbench import Workbench
from pgassay.world.model import World

ALICE, BOB = (str(DEFAULT_PERSONAS[name].claims["sub"]) for name in ("alice", "bob"))
Bench = Callable[..., Workbench]

NOTES = """
create table public.profiles (id uuid primary key references auth.users, name text not null);
create function public.greet() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    insert into public.profiles values (new.id, new.raw_user_meta_data ->> 'nickname');
    return new;
end $$;
create trigger greet after insert on auth.users for each row execute function public.greet();
create type public.state as enum ('draft', 'open', 'done');
create table public.notes (
    id bigint primary key generated always as identity,
    author uuid references public.profiles,
    state public.state not null default 'draft',
    body text not null check (length(body) > 3)
);
alter table public.notes enable row level security;
create policy "own" on public.notes using (author = (select auth.uid()) or state = 'open');
create table public.words (word text primary key check (word ~ '^[a-z]{5}$'));
"""


def make_bench(server: Server, folder: Path, schema: str, **settings: Any) -> Workbench:
    """A project of one file on the platform, which asks for rows."""
    path = folder / "schema.sql"
    path.write_text(schema, encoding="utf-8")
    config = Config(
        root=folder,
        schema=(path,),
        environment=environment_files("supabase"),
        personas=DEFAULT_PERSONAS,
        fill_world=True,
    )
    return Workbench(Config(**{**vars(config), **settings}), server)


@contextmanager
def loaded(bench: Workbench, world: World) -> Iterator[psycopg.Connection[Any]]:
    """The owner's connection to a database with the world."""
    with (
        bench.database(rows=world.statements) as database,
        closing(database.connect(autocommit=True)) as connection,
    ):
        yield connection


def read(connection: psycopg.Connection[Any], query: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return connection.execute(query.encode()).fetchall()
