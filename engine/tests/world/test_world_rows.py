"""Rows of each persona, of nobody and of everybody, made from a schema alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.server import Server
from pgassay.world import fill, generation
from tests.world.world_support import ALICE, BOB, NOTES, loaded, make_bench, read

TEAMS = """
create table public.teams (id uuid primary key default gen_random_uuid(), name text not null unique);
create table public.members (
    team uuid not null references public.teams, person uuid not null references auth.users,
    role text not null check (role in ('admin', 'member')), primary key (team, person)
);
create table public.papers (
    id uuid primary key default gen_random_uuid(), team uuid not null references public.teams,
    author uuid not null references auth.users, title text not null
);
alter table public.papers enable row level security;
create policy "Members read papers" on public.papers for select using (exists (
    select from public.members as m where m.team = papers.team and m.person = (select auth.uid())
));
"""


def test_every_table_has_rows_of_alice_of_bob_and_of_nobody(server: Server, tmp_path: Path) -> None:
    bench = make_bench(server, tmp_path, NOTES)
    world = fill(bench)
    assert world.missing == ()
    with loaded(bench, world) as connection:
        authors = {
            author and str(author) for (author,) in read(connection, "select author from public.notes")
        }
        [(words,)] = read(connection, "select count(*) from public.words")
        names = dict(read(connection, "select id::text, name from public.profiles"))
    assert authors == {ALICE, BOB, None}
    assert words == 1
    assert names == {ALICE: "alice_nickname", BOB: "bob_nickname"}  # what the trigger asked the sign-up for


def test_accounts_have_what_auth_writes(server: Server, tmp_path: Path) -> None:
    bench = make_bench(server, tmp_path, NOTES)
    with loaded(bench, fill(bench)) as connection:
        accounts = read(
            connection,
            "select u.email, u.role, u.raw_app_meta_data ->> 'provider', i.provider_id = u.id::text,"
            " u.email_confirmed_at is not null, u.last_sign_in_at is not null"
            " from auth.users as u inner join auth.identities as i on i.user_id = u.id order by 1",
        )
    assert accounts == [
        ("alice@example.com", "authenticated", "email", True, True, True),
        ("bob@example.com", "authenticated", "email", True, True, True),
    ]


def test_labels_that_a_policy_reads_occur(server: Server, tmp_path: Path) -> None:
    bench = make_bench(server, tmp_path, NOTES)
    with loaded(bench, fill(bench)) as connection:
        states = {state for (state,) in read(connection, "select distinct state from public.notes")}
    assert states == {"draft", "open", "done"}


def test_group_has_a_member_from_outside_and_an_outsider(server: Server, tmp_path: Path) -> None:
    bench = make_bench(server, tmp_path, TEAMS)
    world = fill(bench)
    with loaded(bench, world) as connection:
        seen = read(
            connection,
            "select p.author::text, m.person::text from public.papers as p"
            " inner join public.members as m on m.team = p.team",
        )
    assert (BOB, ALICE) in seen
    assert (ALICE, BOB) not in seen
    assert {reach.both for reach in world.atoms} == {True}


def test_same_schema_gives_the_same_world(server: Server, tmp_path: Path) -> None:
    worlds = [fill(make_bench(server, tmp_path, TEAMS + NOTES)) for _ in range(2)]
    assert worlds[0] == worlds[1]


def test_objects_lie_in_the_buckets_that_policies_name(server: Server, tmp_path: Path) -> None:
    policy = """
    create policy "own folder" on storage.objects for select to authenticated using (
        bucket_id = 'avatars' and (storage.foldername(name))[1] = (select auth.uid())::text
    );
    """
    bench = make_bench(server, tmp_path, policy)
    world = fill(bench)
    with loaded(bench, world) as connection:
        objects = read(
            connection,
            "select bucket_id, owner_id, name, metadata ->> 'mimetype' from storage.objects"
            " where owner_id is not null order by owner_id, name",
        )
    assert ("avatars", ALICE, f"{ALICE}/{ALICE}.png", "image/png") in objects
    assert {owner for _, owner, *_ in objects} == {ALICE, BOB}
    assert all(reach.both for reach in world.atoms)


def test_hand_written_world_is_only_filled_up(server: Server, tmp_path: Path) -> None:
    (tmp_path / "world.sql").write_text(
        f"insert into auth.users (id, raw_user_meta_data) values ('{ALICE}', '{{\"nickname\": \"Al\"}}');"
        f"insert into public.notes (author, body) values ('{ALICE}', 'by hand');",
        encoding="utf-8",
    )
    bench = make_bench(server, tmp_path, NOTES, world=tmp_path / "world.sql")
    world = fill(bench)
    assert list(world.of("auth.users")) == []
    with loaded(bench, world) as connection:
        drafts = read(
            connection,
            f"select body from public.notes where author = '{ALICE}' and state = 'draft'",
        )
    assert drafts == [("by hand",)]


@pytest.mark.parametrize("drawn", ["uuid primary key default {}", "text primary key default 'ws_' || {}"])
def test_ids_that_a_trigger_draws_are_named_by_what_stays(server: Server, tmp_path: Path, drawn: str) -> None:
    schema = f"""
    create table public.workspaces (
        id {drawn.format("gen_random_uuid()")}, owner uuid not null references auth.users
    );
    create function public.begin() returns trigger language plpgsql security definer as $$
    begin
        insert into public.workspaces (owner) values (new.id);
        return new;
    end $$;
    create trigger begin after insert on auth.users for each row execute function public.begin();
    create table public.pages (
        id uuid primary key default gen_random_uuid(),
        workspace {drawn.split(maxsplit=1)[0]} not null references public.workspaces
    );
    create table public.shared_pages (
        page uuid references public.pages,
        workspace {drawn.split(maxsplit=1)[0]} references public.workspaces,
        primary key (page, workspace)
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        owners = read(
            connection,
            "select w.owner::text from public.pages as p"
            " inner join public.workspaces as w on w.id = p.workspace order by 1",
        )
        [(workspaces,)] = read(connection, "select count(*) from public.workspaces")
    assert (owners, workspaces) == ([(ALICE,), (BOB,)], 2)


def test_numbers_that_a_trigger_draws_are_the_same_at_each_load(server: Server, tmp_path: Path) -> None:
    """What was refused has moved the sequence on."""
    schema = """
    create table public.workspaces (
        id bigint generated by default as identity primary key, owner uuid not null references auth.users
    );
    create function public.begin() returns trigger language plpgsql security definer as $$
    begin
        insert into public.workspaces (owner) values (new.id);
        if new.raw_user_meta_data ? 'username' then raise exception 'no'; end if;
        return new;
    end $$;
    create trigger begin after insert on auth.users for each row execute function public.begin();
    create table public.pages (
        id uuid primary key default gen_random_uuid(), workspace bigint not null references public.workspaces
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        owners = read(
            connection,
            "select w.owner::text from public.pages as p"
            " inner join public.workspaces as w on w.id = p.workspace order by 1",
        )
    assert (owners, world.missing) == ([(ALICE,), (BOB,)], ())


def test_words_that_a_trigger_draws_are_named_too(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.orders (number text primary key, buyer uuid not null references auth.users);
    create function public.number() returns trigger language plpgsql as $$
    begin
        new.number := 'o-' || gen_random_uuid();
        return new;
    end $$;
    create trigger number before insert on public.orders for each row execute function public.number();
    create table public.lines (id uuid primary key, "order" text not null references public.orders);
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        buyers = read(
            connection,
            "select o.buyer::text from public.lines as l"
            ' inner join public.orders as o on o.number = l."order" order by 1',
        )
    assert (buyers, world.missing) == ([(ALICE,), (BOB,)], ())


def test_a_word_that_a_trigger_writes_is_not_drawn(server: Server, tmp_path: Path) -> None:
    """It is a part of a key there; elsewhere the same word is only a word."""
    schema = """
    create table public.marks (
        number bigint generated always as identity, kind text, at timestamptz default now(), unique (kind, at)
    );
    create table public.papers (id uuid primary key, author uuid not null references auth.users);
    create table public.notes (
        id uuid primary key, author uuid not null references auth.users,
        kind text not null check (kind in ('paper', 'note'))
    );
    create function public.mark() returns trigger language plpgsql security definer as $$
    begin
        insert into public.marks (kind) values ('paper') on conflict do nothing;
        return new;
    end $$;
    create trigger mark after insert on public.papers for each row execute function public.mark();
    """
    world = fill(make_bench(server, tmp_path, schema))
    assert (world.missing, [text for text in world.statements if "(select kind" in text]) == ((), [])


def test_rows_are_made_as_whoever_loads_them_makes_them(server: Server, tmp_path: Path) -> None:
    """Whoever loads a world has logged in as the owner, and not as a request does."""
    schema = """
    create table public.keys (id uuid primary key, owner uuid not null references auth.users,
        key text check (key is not null));
    create function public.draw() returns trigger language plpgsql as $$
    begin
        if session_user = 'authenticator' then
            new.key := gen_random_uuid();
        end if;
        return new;
    end $$;
    create trigger draw before insert on public.keys for each row execute function public.draw();
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        owners = read(connection, "select owner::text from public.keys order by 1")
    assert (owners, world.missing) == ([(ALICE,), (BOB,)], ())


def test_what_does_not_load_again_is_left_out_and_told(server: Server, tmp_path: Path) -> None:
    """Two codes that nothing but chance tells apart."""
    schema = """
    create table public.codes (code text primary key);
    create function public.draw() returns trigger language plpgsql as $$
    begin
        new.code := gen_random_uuid();
        if pg_trigger_depth() = 1 then
            insert into public.codes values ('another');
        end if;
        return new;
    end $$;
    create trigger draw before insert on public.codes for each row execute function public.draw();
    create table public.uses (id int primary key, code text not null references public.codes);
    create table public.notes (id int primary key);
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        [(notes,)] = read(connection, "select count(*) from public.notes")
    told = {missing.table for missing in world.missing}
    assert (notes, told) == (1, {"public.uses"})


@pytest.mark.parametrize(
    ("columns", "user"),
    [
        ("id uuid primary key references auth.users", "id"),
        ("id uuid primary key default gen_random_uuid(), who uuid not null references auth.users", "who"),
    ],
)
def test_one_is_an_administrator_and_the_other_is_not(
    server: Server, tmp_path: Path, columns: str, user: str
) -> None:
    schema = f"""
    create table public.admins ({columns});
    create table public.config (id integer primary key);
    alter table public.config enable row level security;
    create policy "admins" on public.config to authenticated using (
        exists (select admins.id from public.admins where admins.{user} = auth.uid())
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        assert read(connection, f"select {user}::text from public.admins") == [(ALICE,)]
    [reach] = world.atoms
    assert (sorted(reach.true), sorted(reach.other), reach.both) == (["alice"], ["bob"], True)


@pytest.mark.parametrize(
    ("role", "referred"), [("text default 'guest'", "auth.users"), ("text", "public.people")]
)
def test_everybody_is_where_a_column_says_who_is_an_administrator(
    server: Server, tmp_path: Path, role: str, referred: str
) -> None:
    schema = f"""
    create table public.people (id uuid primary key references auth.users, role {role});
    create table public.notes (id integer primary key, owner uuid not null references {referred});
    alter table public.notes enable row level security;
    create policy "own" on public.notes using (owner = auth.uid());
    create policy "all" on public.notes using (
        exists (select from public.people where people.id = auth.uid() and people.role = 'chief')
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        people = {id_ for (id_,) in read(connection, "select id::text from public.people")}
        owners = {id_ for (id_,) in read(connection, "select owner::text from public.notes")}
    assert ({ALICE, BOB} <= people, {ALICE, BOB} <= owners, world.missing) == (True, True, ())
    assert all(reach.both for reach in world.atoms)


def test_what_everybody_may_by_default_one_may_not(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.people (id uuid primary key references auth.users, role text default 'staff');
    create table public.notes (id integer primary key);
    alter table public.notes enable row level security;
    create policy "staff" on public.notes to authenticated using (
        exists (select from public.people where people.id = auth.uid() and people.role in ('chief', 'staff'))
    );
    """
    [reach] = fill(make_bench(server, tmp_path, schema)).atoms
    assert (sorted(reach.true), sorted(reach.other)) == (["alice"], ["bob"])


def test_what_a_column_of_ids_refers_to_has_these_ids(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.people (id uuid primary key default gen_random_uuid(), name text);
    create table public.keys (id integer primary key, holder uuid not null references public.people);
    alter table public.keys enable row level security;
    create policy "own" on public.keys using (
        holder = (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    with loaded(bench, world) as connection:
        holders = {id_ for (id_,) in read(connection, "select holder::text from public.keys")}
    assert (holders, world.missing) == ({ALICE, BOB}, ())


def test_a_number_is_nobody_s_id_whatever_it_is_called(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.notes (id integer primary key, readers uuid[] not null default '{}');
    alter table public.notes enable row level security;
    create policy "readers" on public.notes using (
        exists (select from unnest(readers) as reader (id) where reader.id = auth.uid())
    );
    """
    world = fill(make_bench(server, tmp_path, schema))
    assert world.missing == ()
    assert all(reach.both for reach in world.atoms)


def test_a_policy_that_recurses_ends_the_search(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.people (id uuid primary key references auth.users, role text default 'guest');
    create table public.teams (id integer primary key, chief uuid references public.people, city text);
    alter table public.people enable row level security;
    create policy "own" on public.people using (id = auth.uid());
    create policy "chiefs" on public.people using (exists (
        select from public.people as p inner join public.teams as t on t.chief = p.id
        where p.id = auth.uid() and (p.role = 'chief' or p.role = 'boss') and t.city = 'Rome'
    ));
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    [reach] = (one for one in world.atoms if not one.both)
    assert "42P17" in reach.why
    assert world.spent < 120


def test_who_is_somebody_else_is_another_user(server: Server, tmp_path: Path) -> None:
    schema = """
    create table public.referrals (
        referrer uuid not null references auth.users, referred uuid not null references auth.users,
        primary key (referrer, referred), check (referrer <> referred)
    );
    """
    bench = make_bench(server, tmp_path, schema)
    world = fill(bench)
    assert world.missing == ()
    with loaded(bench, world) as connection:
        pairs = read(connection, "select referrer::text, referred::text from public.referrals")
    assert {one for pair in pairs for one in pair} == {ALICE, BOB}


STAMPED = """
create table public.invitations (
    id uuid primary key default gen_random_uuid(),
    invited_by uuid not null references auth.users,
    created_at timestamptz not null default now()
);
create function public.stamp() returns trigger language plpgsql as $$
begin
    new.invited_by := auth.uid();
    return new;
end $$;
create trigger stamp before insert on public.invitations for each row execute function public.stamp();
alter table public.invitations enable row level security;
create policy "fresh" on public.invitations for select to authenticated
using (created_at > now() - interval '24 hours');
"""


def test_row_whose_trigger_asks_whose_request_it_is_is_made_by_its_user(
    server: Server, tmp_path: Path
) -> None:
    bench = make_bench(server, tmp_path, STAMPED)
    world = fill(bench)
    assert {row.unchecked for row in world.of("public.invitations")} == {False}
    [reach] = world.atoms
    assert reach.both
    with loaded(bench, world) as connection:
        assert read(connection, "select distinct invited_by::text from public.invitations") == [(ALICE,)]


def test_materialized_view_shows_the_rows_that_were_made(server: Server, tmp_path: Path) -> None:
    bench = make_bench(
        server, tmp_path, f"{NOTES}create materialized view public.all_words as table public.words;"
    )
    with loaded(bench, fill(bench)) as connection:
        [(words,)] = read(connection, "select count(*) from public.all_words")
    assert words == 1


def test_atoms_for_which_no_work_is_left_are_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = (
        "create table public.bins (id integer primary key, label text not null, size integer not null);\n"
        "alter table public.bins enable row level security;\n"
        "create policy one on public.bins for select using (label = 'first' and size = 1117);\n"
        "create policy two on public.bins for update using (label = 'second' and size = 2229);\n"
    )
    assert all(reach.both for reach in fill(make_bench(server, tmp_path, schema)).atoms)
    monkeypatch.setattr(generation, "STATEMENTS", 0)
    left = [reach for reach in fill(make_bench(server, tmp_path, schema)).atoms if not reach.both]
    assert left
    assert {reach.why.partition(";")[0] for reach in left} == {
        "not tried: what all atoms share of statements and steps is spent"
    }


def test_who_was_found_by_claims_is_judged_on_the_rows_at_hand(server: Server, tmp_path: Path) -> None:
    schema = (
        "create table public.bills (id integer primary key, team uuid not null);\n"
        "alter table public.bills enable row level security;\n"
        "create policy team on public.bills for select using ("
        "(auth.jwt() -> 'app_metadata' -> 'teams') ? team::text);\n"
    )
    world = fill(make_bench(server, tmp_path, schema, find_personas=True))
    [reach] = world.atoms
    assert reach.true == {person.name for person in world.personas}
    assert reach.both
