"""Who may do all, and who may not: rows by which an atom is both ways for one and the same user."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.server import Server
from pgassay.world import fill
from pgassay.world.model import World
from tests.world.world_support import ALICE, BOB, loaded, make_bench, read

_WITH_CREATEROLE = 160000
_MOST = 400  # statements for a few policies that nothing helps

GROUPS = """
create table public.firms (id uuid primary key default gen_random_uuid(), name text not null);
create table public.staff (
    id uuid primary key default gen_random_uuid(), firm uuid not null references public.firms,
    person uuid not null references auth.users, kind text not null default 'reader', unique (firm, person)
);
create table public.sheets (
    id uuid primary key default gen_random_uuid(), firm uuid not null references public.firms
);
alter table public.sheets enable row level security;
"""
HELPERS = {
    "or": """
    create function public.may_edit(given uuid) returns boolean
    language sql stable security definer set search_path = '' as $$
        select exists (select from public.staff s where s.person = auth.uid() and s.kind = 'chief')
        or exists (
            select from public.staff s
            where s.firm = given and s.person = auth.uid() and s.kind in ('writer', 'chief')
        )
    $$;
    """,
    "if": """
    create function public.may_edit(given uuid) returns boolean
    language plpgsql stable security definer set search_path = '' as $$
    begin
        if exists (select from public.staff s where s.person = auth.uid() and s.kind = 'chief') then
            return true;
        end if;
        return exists (
            select from public.staff s
            where s.firm = given and s.person = auth.uid() and s.kind in ('writer', 'chief')
        );
    end $$;
    """,
}


@pytest.mark.parametrize("name", HELPERS)
def test_what_is_asked_of_one_group_is_not_had_by_power_over_all(
    name: str, server: Server, tmp_path: Path
) -> None:
    schema = GROUPS + HELPERS[name]
    schema += """
    create table public.charts (like public.sheets including all, foreign key (firm) references public.firms);
    alter table public.charts enable row level security;
    create policy "edit" on public.charts for update using (public.may_edit(firm));
    create policy "edit" on public.sheets for update using (public.may_edit(firm));
    """
    assert not_both(fill(make_bench(server, tmp_path, schema))) == []


def test_where_the_first_user_may_all_the_second_one_shows_it(server: Server, tmp_path: Path) -> None:
    schema = f"""{GROUPS}
    create table public.chiefs (person uuid primary key references auth.users);
    create function public.may_see(given uuid) returns boolean
    language sql stable security definer set search_path = '' as $$
        select exists (select from public.chiefs c where c.person = auth.uid())
        or exists (
            select from public.staff s where s.firm = given and s.person = auth.uid() and s.kind = 'writer'
        )
    $$;
    create policy "see" on public.sheets for select using (public.may_see(firm));
    create policy "change" on public.sheets for all
    using (exists (select from public.chiefs c where c.person = auth.uid()));
    """
    world = fill(make_bench(server, tmp_path, schema))
    assert not_both(world) == []
    [reach] = [reach for reach in world.atoms if "may_see" in reach.atom.text]
    assert reach.true & reach.other == {"bob"}


@pytest.mark.parametrize(
    "roles",
    [
        "create type public.kind as enum ('admin', 'editor', 'reader');"
        "create table public.roles (person uuid primary key references auth.users,"
        " kind public.kind not null);",
        "create table public.roles (person uuid primary key references auth.users,"
        " kind text not null check (kind in ('admin', 'editor', 'reader')));",
        "create table public.kinds (kind text primary key);"
        "insert into public.kinds values ('admin'), ('editor'), ('reader');"
        "create table public.roles (id uuid primary key default gen_random_uuid(),"
        " person uuid not null unique references auth.users, kind text not null references public.kinds);",
    ],
    ids=["enum", "check", "list"],
)
def test_users_have_different_roles_where_a_role_must_be_chosen(
    roles: str, server: Server, tmp_path: Path
) -> None:
    schema = f"""{roles}
    create table public.badges (role uuid references public.roles (person));
    create table public.rules (id integer primary key);
    alter table public.rules enable row level security;
    create policy "set" on public.rules for all using (
        exists (select from public.roles r where r.person = auth.uid() and r.kind in ('admin', 'editor'))
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        found = dict(read(connection, "select person::text, kind::text from public.roles"))
    assert (found[ALICE], found[BOB]) == ("admin", "reader")
    assert not_both(world) == []


def test_what_may_not_be_changed_is_another_one_in_an_update(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.offers (
        id uuid primary key default gen_random_uuid(), owner uuid not null references auth.users,
        price integer not null default 1, state text not null default 'new'
    );
    alter table public.offers enable row level security;
    create function public.stored_state(given uuid) returns text
    language sql stable security definer set search_path = '' as $$
        select o.state from public.offers o where o.id = given
    $$;
    create policy "keep" on public.offers for update using (owner = auth.uid()) with check (
        owner = auth.uid()
        and price = (select o.price from public.offers o where o.id = offers.id)
        and state = public.stored_state(id)
    );
    create policy "read" on public.offers for select using (owner = auth.uid());
    """
    world = fill(make_bench(server, tmp_path, schema))
    assert not_both(world) == []
    assert world.spent < _MOST


def test_user_of_whom_a_policy_takes_one_row_for_granted_has_one(server: Server, tmp_path: Path) -> None:
    schema = f"""{GROUPS}
    create table public.people (
        id uuid primary key default gen_random_uuid(), firm uuid not null references public.firms,
        person uuid references auth.users, is_chief boolean not null default false
    );
    create policy "of the firm" on public.sheets for select using (
        firm = (select p.firm from public.people p where p.person = auth.uid())
    );
    create policy "of chiefs" on public.sheets for update using (
        exists (select from public.people p where p.person = (select auth.uid()) and p.is_chief)
    );
    alter table public.people enable row level security;
    create policy "own" on public.people for select using (
        person = auth.uid() and (is_chief or not is_chief)
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        counted = read(
            connection,
            "select person::text, count(*) from public.people where person is not null group by 1",
        )
    assert dict(counted)[ALICE] == 1
    assert not_both(world) == []


def test_policy_that_asks_itself_is_told_with_what_the_server_says(server: Server, tmp_path: Path) -> None:
    schema = f"""{GROUPS}
    alter table public.staff enable row level security;
    create policy "colleagues" on public.staff for select using (
        firm in (select s.firm from public.staff s where s.person = auth.uid())
    );
    create policy "of the firm" on public.sheets for select using (
        firm in (select s.firm from public.staff s where s.person = auth.uid())
    );
    """
    world = fill(make_bench(server, tmp_path, schema))
    assert [reach.both for reach in world.atoms] == [False, False]
    assert all("infinite recursion detected" in reach.why for reach in world.atoms)
    assert world.spent < _MOST


def test_row_that_a_trigger_made_fits_the_checks_after_a_change(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.profiles (id uuid primary key references auth.users);
    create table public.contacts (
        person uuid primary key references public.profiles, shared boolean not null default false,
        mail text check (mail is null or (mail = btrim(mail) and length(mail) > 4)),
        check (not shared or mail is not null)
    );
    create function public.give() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
        insert into public.profiles values (new.id);
        insert into public.contacts (person) values (new.id);
        return new;
    end $$;
    create trigger give after insert on auth.users for each row execute function public.give();
    alter table public.contacts enable row level security;
    create policy "shared" on public.contacts for select using (shared and person <> auth.uid());
    """
    assert not_both(fill(make_bench(server, tmp_path, schema))) == []


def test_row_that_may_refer_to_one_thing_only_refers_to_one(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.heroes (
        id uuid primary key default gen_random_uuid(), player uuid not null references auth.users
    );
    create table public.weapons (id uuid primary key default gen_random_uuid(), name text not null);
    create table public.armours (id uuid primary key default gen_random_uuid(), name text not null);
    create table public.things (
        id uuid primary key default gen_random_uuid(), hero uuid references public.heroes not null,
        weapon uuid references public.weapons, armour uuid references public.armours,
        check ((weapon is not null and armour is null) or (weapon is null and armour is not null))
    );
    alter table public.things enable row level security;
    create policy "own" on public.things for select using (
        exists (select from public.heroes h where h.id = things.hero and h.player = auth.uid())
    );
    """
    assert not_both(fill(make_bench(server, tmp_path, schema))) == []


def test_policy_for_a_role_that_owns_functions_is_asked_as_they_ask(server: Server, tmp_path: Path) -> None:
    if server.version < _WITH_CREATEROLE:
        pytest.skip("before PostgreSQL 16 the owner has no CREATEROLE")
    schema = f"""{GROUPS}
    create role clerk nologin;
    grant clerk to postgres;
    grant usage on schema public, auth to clerk;
    grant select on public.sheets, public.staff to clerk;
    create policy "of the firm" on public.sheets for select to clerk using (
        exists (select from public.staff s where s.firm = sheets.firm and s.person = auth.uid())
    );
    """
    assert not_both(fill(make_bench(server, tmp_path, schema))) == []


@pytest.mark.parametrize("helper", [False, True])
def test_user_whom_a_policy_names_is_somebody(helper: bool, server: Server, tmp_path: Path) -> None:
    named = "5eed0000-0000-4000-8000-00000000000a"
    ours = f"auth.uid() in ('{named}', '5eed0000-0000-4000-8000-00000000000b')"
    schema = f"""
    create function public.is_ours() returns boolean language sql stable as $$ select {ours} $$;
    create table public.prices (id integer primary key);
    alter table public.prices enable row level security;
    create policy "set" on public.prices for all using ({"public.is_ours()" if helper else ours});
    create table public.logs (id uuid primary key, person uuid not null references auth.users);
    """
    bench = make_bench(server, tmp_path, schema, find_personas=True)
    world = fill(bench)
    assert not_both(world) == []
    [persona] = world.personas
    assert persona.id == named
    with loaded(bench, world) as connection:
        assert read(connection, f"select 1 from auth.users where id = '{named}'") == [(1,)]


def test_row_as_a_whole_that_is_compared_with_a_user_is_no_column(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.people (id uuid primary key, tenant uuid);
    alter table public.people enable row level security;
    create policy "odd" on public.people for update using (
        tenant = (select tenant from public.people as p where (p.*)::text = auth.uid()::text)
        or tenant = (select tenant from public.people as p where (p.*) = auth.uid()::text::public.people)
    );
    """
    assert fill(make_bench(server, tmp_path, schema)).made


def test_two_accounts_for_one_purpose_have_addresses_of_their_own(server: Server, tmp_path: Path) -> None:
    schema = f"""
    create table public.pairs (
        id uuid primary key default gen_random_uuid(), one uuid not null references auth.users,
        other uuid not null references auth.users, check (one <> other)
    );
    alter table public.pairs enable row level security;
    create policy "others" on public.pairs for select using (
        one <> all (array['{ALICE}', '{BOB}']::uuid[]) and other <> all (array['{ALICE}', '{BOB}']::uuid[])
    );
    """
    assert not_both(fill(make_bench(server, tmp_path, schema))) == []


def not_both(world: World) -> list[str]:
    """What is missing, in words."""
    return [*map(str, world.missing), *(f"{r.atom}: {r.why}" for r in world.atoms if not r.both)]
