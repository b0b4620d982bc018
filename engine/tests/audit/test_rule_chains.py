"""Writes after which somebody reaches more."""

from __future__ import annotations

import pytest

from pgassay.audit import beside
from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

TEAMS = """
create table public.teams (id integer primary key, name text not null);
create table public.members (
    team integer references public.teams, member uuid references auth.users, primary key (team, member)
);
create table public.plans (
    id integer primary key, team integer not null references public.teams, text text not null
);
create function public.teams_of_caller() returns setof integer
language sql stable security definer set search_path = ''
as $$ select m.team from public.members as m where m.member = auth.uid() $$;
alter table public.teams enable row level security;
alter table public.members enable row level security;
alter table public.plans enable row level security;
create policy "see" on public.members for select to authenticated
using (team in (select public.teams_of_caller()));
create policy "plans" on public.plans for select to authenticated
using (team in (select public.teams_of_caller()));
"""


def test_who_makes_himself_a_member_reads_what_members_read(audited: Audited) -> None:
    join = (
        'create policy "join" on public.members for insert to authenticated '
        "with check (member = (select auth.uid()));"
    )
    [finding] = of_rule(audited(TEAMS + join), "chains")
    assert (finding.object, finding.severity.word, finding.actions) == ("public.members", "high", ("insert",))
    assert "public.plans" in finding.sentence
    assert finding.repair is not None
    assert "teams_of_caller" in finding.repair.statements[0]


def test_who_is_taken_in_by_members_is_no_finding(audited: Audited) -> None:
    take = (
        'create policy "take in" on public.members for insert to authenticated '
        "with check (team in (select public.teams_of_caller()));"
    )
    found = audited(TEAMS + take)
    assert told(found, "chains") == []
    assert found.exit_code == 0


PEOPLE = """
create table public.people (id uuid primary key references auth.users, {column});
create table public.letters (
    id integer primary key, writer uuid not null references auth.users, text text not null
);
create function public.may() returns boolean language sql stable security definer set search_path = ''
as $$ select exists (select from public.people as p where p.id = auth.uid() and {asked}) $$;
alter table public.people enable row level security;
alter table public.letters enable row level security;
create policy "own" on public.people for select to authenticated using (id = (select auth.uid()));
create policy "edit" on public.people for update to authenticated using (id = (select auth.uid()));
create policy "read" on public.letters for select to authenticated
using (writer = (select auth.uid()) or public.may());
"""


@pytest.mark.parametrize(
    ("column", "asked"),
    [
        ("boss boolean not null default false", "p.boss"),
        ("until timestamptz not null", "p.until > now()"),
        ("likes jsonb not null default '{}'", "(p.likes ->> 'boss')::boolean"),
    ],
)
def test_what_the_row_says_as_things_are_does_not_matter(audited: Audited, column: str, asked: str) -> None:
    """Whoever is one who may already, or has no row, is put back first."""
    schema = PEOPLE.format(column=column, asked=asked)
    [finding] = of_rule(audited(schema), "chains")
    assert (finding.object, finding.severity.word) == ("public.people", "high")
    assert "public.letters" in finding.sentence
    assert finding.repair is not None  # the other columns stay the user's
    assert finding.repair.statements == (
        "revoke update on public.people from authenticated",
        "grant update (id) on public.people to authenticated",
    )
    revoked = "revoke update on public.people from anon, authenticated;"
    assert told(audited(schema + revoked), "chains") == []


FRIENDS = """
create table public.friends (
    asker uuid references auth.users, asked uuid references auth.users, agreed boolean not null default false,
    primary key (asker, asked)
);
create table public.diaries (
    id integer primary key, writer uuid not null references auth.users, text text not null
);
alter table public.friends enable row level security;
alter table public.diaries enable row level security;
create policy "see" on public.friends for select to authenticated using (auth.uid() in (asker, asked));
create policy "ask" on public.friends for insert to authenticated
with check (asker = auth.uid() and not agreed);
create policy "agree" on public.friends for update to authenticated using ({agrees});
create policy "read" on public.diaries for select to authenticated
using (writer = auth.uid() or exists (
    select from public.friends as f
    where f.agreed and auth.uid() in (f.asker, f.asked) and diaries.writer in (f.asker, f.asked)
));
"""


@pytest.mark.parametrize(
    ("agrees", "count"), [("auth.uid() in (asker, asked)", 1), ("asked = auth.uid()", 0)]
)
def test_who_asks_agrees_for_the_other(audited: Audited, agrees: str, count: int) -> None:
    found = of_rule(audited(FRIENDS.format(agrees=agrees)), "chains")
    assert [(f.object, f.columns) for f in found] == [("public.friends", ("agreed",))] * count


def test_who_is_asked_agrees_and_reads_the_other(audited: Audited) -> None:
    """Also where rows are there already that ask him."""
    schema = FRIENDS.format(agrees="asked = auth.uid()")
    schema = schema.replace(
        "primary key (asker, asked)", "primary key (asker, asked), check (asker <> asked)"
    )
    schema += """
    create table public.moods (writer uuid primary key references auth.users, text text not null);
    alter table public.moods enable row level security;
    create policy "read" on public.moods for select to authenticated
    using (writer = auth.uid() or exists (
        select from public.friends as f where f.agreed and (
            (f.asker = auth.uid() and f.asked = writer) or (f.asked = auth.uid() and f.asker = writer)
        )
    ));
    """
    assert told(audited(schema), "chains") == []


WORKSPACES = """
create table public.workspaces (id integer primary key, name text not null);
create table public.workspace_members (
    workspace_id integer references public.workspaces, user_id uuid references auth.users, role text not null,
    primary key (workspace_id, user_id)
);
create function public.my_workspaces() returns setof integer
language sql stable security definer set search_path = ''
as $$ select workspace_id from public.workspace_members where user_id = auth.uid() $$;
create function public.is_owner_of(w integer) returns boolean
language sql stable security definer set search_path = '' as $$ select exists (
    select from public.workspace_members where user_id = auth.uid() and workspace_id = w and role = 'owner'
) $$;
create table public.api_keys (
    id integer primary key, workspace_id integer not null references public.workspaces, secret text not null
);
alter table public.workspaces enable row level security;
alter table public.workspace_members enable row level security;
alter table public.api_keys enable row level security;
create policy "see" on public.workspaces for select to authenticated
using (id in (select public.my_workspaces()));
create policy "see" on public.workspace_members for select to authenticated
using (workspace_id in (select public.my_workspaces()));
create policy "owners" on public.api_keys for all to authenticated using (public.is_owner_of(workspace_id));
create policy "join" on public.workspace_members for insert to authenticated with check ({});
"""


def test_a_group_of_which_no_membership_was_looked_at_is_joined_too(audited: Audited) -> None:
    """Of several memberships of one user only one is among the rows that are tried."""
    found = audited(WORKSPACES.format("user_id = (select auth.uid())"))
    assert [f.object for f in of_rule(found, "chains")] == ["public.workspace_members"]
    assert told(audited(WORKSPACES.format("public.is_owner_of(workspace_id)")), "chains") == []


BILLS = """
insert into storage.buckets (id, name, public) values ('bills', 'bills', false);
create table public.bills (
    id integer primary key, payer uuid not null references auth.users, name text not null
);
alter table public.bills enable row level security;
create policy "own" on public.bills to authenticated using (payer = (select auth.uid()));
create policy "put" on storage.objects for insert to authenticated
with check (bucket_id = 'bills' and (storage.foldername(name))[1] = (select auth.uid())::text);
create policy "get" on storage.objects for select to authenticated using (
    bucket_id = 'bills' and exists (
        select from public.bills as b
        where b.payer = (select auth.uid()) and (storage.foldername({name}))[1] = b.payer::text
    )
);
"""


def test_a_name_that_a_subquery_takes_for_its_own_opens_all_files(audited: Audited) -> None:
    [finding] = of_rule(audited(BILLS.format(name="name")), "chains")
    assert (finding.object, finding.columns, finding.severity.word) == ("public.bills", ("name",), "high")


def test_the_name_of_the_object_is_nobody_else_s(audited: Audited) -> None:
    assert told(audited(BILLS.format(name="objects.name")), "chains") == []


CREWS = """
create table public.crews (id integer primary key, name text not null);
create table public.sailors (
    crew integer references public.crews, who uuid references auth.users,
    rank text not null default 'guest' check (rank in ('guest', 'captain')), primary key (crew, who)
);
create table public.offers (crew integer not null references public.crews, email text not null);
create table public.logs (id integer primary key, crew integer not null references public.crews);
alter table public.crews enable row level security;
alter table public.sailors enable row level security;
alter table public.offers enable row level security;
alter table public.logs enable row level security;
create policy "own" on public.sailors for select to authenticated using (who = (select auth.uid()));
create policy "own" on public.offers for select to authenticated
using (email = (select auth.jwt() ->> 'email'));
create policy "logs" on public.logs for select to authenticated using (exists (
    select from public.sailors as s
    where s.crew = logs.crew and s.who = (select auth.uid()) and s.rank = 'captain'
));
create function public.sign_on(wanted integer, as_rank text) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if not exists (
        select from public.offers as o where o.crew = wanted and o.email = auth.jwt() ->> 'email'
    ) then raise exception 'no'; end if;
    insert into public.sailors values (wanted, auth.uid(), {});
end $$;
"""


def test_a_call_in_which_the_caller_says_as_what_he_comes(audited: Audited) -> None:
    found = audited(CREWS.format("as_rank"))
    assert told(found, "chains") == [("public.sign_on(integer, text)", "high", ("execute",))]
    assert told(audited(CREWS.format("'guest'")), "chains") == []


def test_a_call_that_lets_in_whoever_names_the_group(audited: Audited) -> None:
    schema = """
    create table public.crews (id integer primary key, name text not null);
    create table public.sailors (
        crew integer references public.crews, who uuid references auth.users, primary key (crew, who)
    );
    create table public.logs (id integer primary key, crew integer not null references public.crews);
    alter table public.crews enable row level security;
    alter table public.sailors enable row level security;
    alter table public.logs enable row level security;
    create policy "own" on public.sailors for select to authenticated using (who = (select auth.uid()));
    create policy "logs" on public.logs for select to authenticated
    using (crew in (select s.crew from public.sailors as s where s.who = (select auth.uid())));
    create function public.sign_on(wanted integer) returns void
    language sql security definer set search_path = ''
    as $$ insert into public.sailors values (wanted, auth.uid()) on conflict do nothing $$;
    """
    assert told(audited(schema), "chains") == [("public.sign_on(integer)", "high", ("execute",))]


TRIPS = """
create table public.trips (
    id uuid primary key default gen_random_uuid(), owner uuid not null references auth.users, title text
);
create table public.crews (
    trip uuid references public.trips, member uuid references auth.users, rank text,
    primary key (trip, member)
);
create function public.board() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    insert into public.crews values (new.id, new.owner, 'lead');
    return new;
end $$;
create trigger board after insert on public.trips for each row execute function public.board();
alter table public.trips enable row level security;
alter table public.crews enable row level security;
create policy "own" on public.trips for all to authenticated using (owner = (select auth.uid()));
create policy "crew" on public.crews for all to authenticated
using (exists (select from public.trips as t where t.id = trip and t.owner = (select auth.uid())));
"""


def test_rows_that_a_write_makes_itself_are_no_gain(audited: Audited) -> None:
    assert told(audited(TRIPS), "chains") == []


LYING = """
create table public.members (member uuid primary key references auth.users);
create table public.plans (id integer primary key, text text not null);
create function public.is_in() returns boolean language sql immutable security definer set search_path = ''
as $$ select exists (select from public.members as m where m.member = (select auth.uid())) $$;
alter table public.members enable row level security;
alter table public.plans enable row level security;
create policy "own" on public.members for all to authenticated using (member = (select auth.uid()));
create policy "all" on public.plans for select to authenticated using (public.is_in());
"""


def test_what_is_called_immutable_and_is_not_is_asked_each_time(audited: Audited) -> None:
    [finding] = of_rule(audited(LYING), "chains")
    assert (finding.object, "public.plans" in finding.sentence) == ("public.members", True)


def test_what_most_tables_ask_is_tried_first(audited: Audited, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work has an end."""
    many = "".join(
        f"""
        create table public.a{n} (id integer primary key, who uuid not null references auth.users, kind text);
        alter table public.a{n} enable row level security;
        create policy "own" on public.a{n} for all to authenticated using (who = (select auth.uid()));
        create table public.b{n} (id integer primary key, kind text, a integer references public.a{n});
        alter table public.b{n} enable row level security;
        create policy "all" on public.b{n} for all to authenticated
        using (public.is_in() or exists (select from public.a{n} as x where x.id = a and x.kind = b{n}.kind));
        """
        for n in range(4)
    )
    monkeypatch.setattr(beside, "STATEMENTS", 250)
    found = of_rule(audited(LYING + many), "chains")
    assert "public.members" in [finding.object for finding in found]


BANDS = """
create table public.bands (id integer primary key);
create table public.players (
    band integer references public.bands, who uuid references auth.users, primary key (band, who)
);
create table public.letters (
    id integer primary key, band integer not null references public.bands, email text not null, used boolean
);
create table public.tunes (id integer primary key, band integer not null references public.bands);
create function public.my_bands() returns setof integer
language sql stable security definer set search_path = ''
as $$ select p.band from public.players as p where p.who = auth.uid() $$;
alter table public.bands enable row level security;
alter table public.players enable row level security;
alter table public.letters enable row level security;
alter table public.tunes enable row level security;
create policy "own" on public.players for select to authenticated using (who = (select auth.uid()));
create policy "band" on public.tunes for select to authenticated using (band in (select public.my_bands()));
create function public.answer(letter integer) returns void
language plpgsql security definer set search_path = '' as $$
declare
    read public.letters;
begin
    select * into read from public.letters as l where l.id = letter and l.used is not true {};
    if not found then raise exception 'no letter'; end if;
    insert into public.players (band, who) values (read.band, auth.uid());
    update public.letters set used = true where id = letter;
end $$;
revoke execute on function public.answer from public, anon;
"""


def test_the_invitation_of_another_lets_in(audited: Audited) -> None:
    found = audited(BANDS.format(""))
    assert told(found, "chains") == [("public.answer(integer)", "medium", ("execute",))]
    assert "is for somebody else" in found.findings[0].sentence
    assert told(audited(BANDS.format("and l.email = auth.jwt() ->> 'email'")), "chains") == []


DOORS = """
create function public.enter(which integer, by uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if not exists (select from auth.users as u where u.id = by) {} then raise exception 'nobody'; end if;
    insert into public.players (band, who) values (which, auth.uid()) on conflict do nothing;
end $$;
revoke execute on function public.enter from public, anon;
"""


def test_what_names_no_group_is_refused_without_a_condition_on_groups(audited: Audited) -> None:
    bands = BANDS.format("and l.email = auth.jwt() ->> 'email'")
    found = told(audited(bands + DOORS.format("")), "chains")
    assert found == [("public.enter(integer, uuid)", "high", ("execute",))]
    asked = "or which not in (select public.my_bands())"
    assert told(audited(bands + DOORS.format(asked)), "chains") == []


SHOPS = """
create table public.shops (
    id uuid primary key, owner uuid not null references auth.users, text text not null
);
create table public.helpers (
    shop uuid not null references public.shops, who uuid not null references auth.users,
    primary key (shop, who)
);
create function public.helps(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.helpers as h where h.shop = wanted and h.who = auth.uid()) $$;
alter table public.shops enable row level security;
alter table public.helpers enable row level security;
create policy "read" on public.shops for select to authenticated
using (owner = (select auth.uid()) or public.helps(id));
create policy "edit" on public.shops for update to authenticated
using (owner = (select auth.uid())) with check (owner = (select auth.uid()));
create policy "own" on public.helpers for select to authenticated using (who = (select auth.uid()));
create function public.hand_over(wanted uuid, heir uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
    update public.shops set owner = heir where id = wanted and (owner = auth.uid() {});
    if not found then raise exception 'no such shop'; end if;
end $$;
revoke execute on function public.hand_over(uuid, uuid) from public, anon;
"""


def test_a_helper_takes_the_shop_by_a_function(audited: Audited) -> None:
    [finding] = of_rule(audited(SHOPS.format("or public.helps(wanted)")), "chains")
    assert (finding.object, finding.severity.word) == ("public.hand_over(uuid, uuid)", "high")
    assert told(audited(SHOPS.format("")), "chains") == []


BIDS = """
create table public.clubs (id uuid primary key, text text not null);
create table public.fellows (
    club uuid not null references public.clubs, who uuid not null references auth.users,
    rank text not null default 'guest' check (rank in ('guest', 'chair')), primary key (club, who)
);
create table public.bids (
    id uuid primary key, club uuid not null references public.clubs, who uuid not null references auth.users,
    rank text not null default 'guest' check (rank in ('guest', 'chair')), remark text
);
create table public.books (club uuid primary key references public.clubs, text text not null);
create function public.rank_in(wanted uuid) returns text
language sql stable security definer set search_path = ''
as $$ select f.rank from public.fellows as f where f.club = wanted and f.who = auth.uid() $$;
create function public.take_up(bid uuid) returns void language plpgsql security definer set search_path = ''
as $$
begin
    insert into public.fellows (club, who, rank)
    select b.club, b.who, b.rank from public.bids as b where b.id = bid and b.who = auth.uid()
    on conflict (club, who) do update set rank = excluded.rank;
end $$;
revoke execute on function public.take_up(uuid) from public, anon;
alter table public.clubs enable row level security;
alter table public.fellows enable row level security;
alter table public.bids enable row level security;
alter table public.books enable row level security;
create policy "mine" on public.fellows for select to authenticated using (who = (select auth.uid()));
create policy "mine" on public.bids for select to authenticated using (who = (select auth.uid()));
create policy "answer" on public.bids for update to authenticated
using (who = (select auth.uid())) with check (who = (select auth.uid()));
create policy "chairs" on public.books for select to authenticated using (public.rank_in(club) = 'chair');
"""


def test_an_invitation_that_the_invited_changes_first(audited: Audited) -> None:
    found = of_rule(audited(BIDS), "chains")
    assert {finding.object for finding in found} == {"public.bids"}
    assert {column for finding in found for column in finding.columns} >= {"rank"}
    some = """
    revoke update on public.bids from anon, authenticated;
    grant update (remark) on public.bids to authenticated;
    """
    assert told(audited(BIDS + some), "chains") == []


TICKETS = """
create table public.halls (id uuid primary key, text text not null);
create table public.seats (
    hall uuid not null references public.halls, who uuid not null references auth.users,
    primary key (hall, who)
);
create table public.passes (
    token uuid primary key default gen_random_uuid(), hall uuid not null references public.halls
);
create table public.plays (id uuid primary key, hall uuid not null references public.halls);
create function public.sits(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.seats as s where s.hall = wanted and s.who = auth.uid()) $$;
create function public.use_pass(said uuid) returns void language plpgsql security definer set search_path = ''
as $$
declare
    wanted uuid;
begin
    delete from public.passes as p where p.token = said returning p.hall into wanted;
    if wanted is null then raise exception 'no'; end if;
    insert into public.seats (hall, who) values (wanted, auth.uid()) on conflict do nothing;
end $$;
revoke execute on function public.use_pass(uuid) from public, anon;
alter table public.halls enable row level security;
alter table public.seats enable row level security;
alter table public.passes enable row level security;
alter table public.plays enable row level security;
create policy "mine" on public.seats for select to authenticated using (who = (select auth.uid()));
create policy "sit" on public.plays for select to authenticated using (public.sits(hall));
create policy "look" on public.passes for select to authenticated using ({});
"""


def test_a_key_that_is_a_secret_and_that_everybody_reads(audited: Audited) -> None:
    assert told(audited(TICKETS.format("true")), "chains") == [("public.passes", "high", ("select",))]
    assert told(audited(TICKETS.format("public.sits(hall)")), "chains") == []


LEVELS = """
create table public.guilds (id uuid primary key, text text not null);
create table public.fellows (
    guild uuid not null references public.guilds, who uuid not null references auth.users,
    level smallint not null default 1, primary key (guild, who)
);
create table public.chests (guild uuid primary key references public.guilds, text text not null);
create function public.level_in(wanted uuid) returns smallint
language sql stable security definer set search_path = ''
as $$ select f.level from public.fellows as f where f.guild = wanted and f.who = auth.uid() $$;
alter table public.guilds enable row level security;
alter table public.fellows enable row level security;
alter table public.chests enable row level security;
create policy "mine" on public.fellows for select to authenticated using (who = (select auth.uid()));
create policy "edit" on public.fellows for update to authenticated
using (who = (select auth.uid())) with check (who = (select auth.uid()) {});
create policy "officers" on public.chests for select to authenticated using (public.level_in(guild) >= 5);
"""


def test_a_small_number_that_says_as_what(audited: Audited) -> None:
    assert told(audited(LEVELS.format("")), "chains") == [("public.fellows", "high", ("update",))]
    assert told(audited(LEVELS.format("and level = public.level_in(guild)")), "chains") == []


SCENES = """
create table public.stars (id uuid primary key references auth.users, shy boolean not null default false);
create table public.fans (
    fan uuid not null references public.stars, star uuid not null references public.stars,
    agreed boolean not null default false, primary key (fan, star)
);
create table public.scenes (
    id uuid primary key, star uuid not null references public.stars, text text not null
);
create function public.is_shy(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select s.shy from public.stars as s where s.id = wanted $$;
create function public.is_fan(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$
    select exists (select from public.fans as f where f.fan = auth.uid() and f.star = wanted and f.agreed)
$$;
alter table public.stars enable row level security;
alter table public.fans enable row level security;
alter table public.scenes enable row level security;
create policy "see" on public.stars for select to authenticated using (true);
create policy "mine" on public.fans for select to authenticated using ((select auth.uid()) in (fan, star));
create policy "ask" on public.fans for insert to authenticated with check (fan = (select auth.uid()) {});
create policy "agree" on public.fans for update to authenticated
using (star = (select auth.uid())) with check (star = (select auth.uid()));
create policy "read" on public.scenes for select to authenticated
using (star = (select auth.uid()) or not public.is_shy(star) or public.is_fan(star));
"""


def test_who_asks_says_that_the_other_one_agreed(audited: Audited) -> None:
    """Of anybody: it opens nothing of those who are open anyway."""
    assert told(audited(SCENES.format("")), "chains") == [("public.fans", "high", ("insert",))]
    assert told(audited(SCENES.format("and not agreed")), "chains") == []


TITLES = """
create table public.guilds (id integer primary key, name text not null);
create table public.fellows (
    guild integer references public.guilds, who uuid references auth.users,
    titles text[] not null default '{{novice}}', mood text, primary key (guild, who)
);
create table public.scrolls (id integer primary key, guild integer not null references public.guilds);
create function public.has_title(wanted integer, title text) returns boolean
language sql stable security definer set search_path = '' as $$
    select exists (
        select from public.fellows as f
        where f.guild = wanted and f.who = auth.uid() and title = any (f.titles)
    )
$$;
alter table public.guilds enable row level security;
alter table public.fellows enable row level security;
alter table public.scrolls enable row level security;
create policy "own" on public.fellows for select to authenticated using (who = (select auth.uid()));
create policy "edit" on public.fellows for update to authenticated
using (who = (select auth.uid()))
with check (who = (select auth.uid()) and public.has_title(guild, 'novice'));
create policy "masters" on public.scrolls for select to authenticated
using (public.has_title(guild, 'master'));
{}
"""


def test_one_more_element_of_an_array_is_a_rank(audited: Audited) -> None:
    found = told(audited(TITLES.format("")), "chains")
    assert found == [("public.fellows", "high", ("update",))]
    left = """revoke update on public.fellows from authenticated;
    grant update (mood) on public.fellows to authenticated;"""
    assert told(audited(TITLES.format(left)), "chains") == []


FILES = """
create table public.doctors (id uuid primary key references auth.users, name text not null);
create table public.files (
    id uuid primary key default gen_random_uuid(), doctor uuid not null references public.doctors,
    text text not null
);
create table public.shown (
    file uuid references public.files, doctor uuid references public.doctors, primary key (file, doctor)
);
alter table public.doctors enable row level security;
alter table public.files enable row level security;
alter table public.shown enable row level security;
create policy "own" on public.shown for select to authenticated using (doctor = (select auth.uid()));
create policy "own" on public.files for select to authenticated
using (doctor = (select auth.uid()) or exists (
    select from public.shown as s where s.file = files.id and s.doctor = (select auth.uid())
));
create function public.show(which uuid, other uuid) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if not exists (select from public.doctors as d where d.id = auth.uid()) then
        raise exception 'for doctors';
    end if;
    insert into public.shown (file, doctor)
    select f.id, other from public.files as f where f.id = which {} on conflict do nothing;
end $$;
"""


def test_whoever_names_a_row_is_shown_it(audited: Audited) -> None:
    """What no foreign key takes is no refusal."""
    found = told(audited(FILES.format("")), "chains")
    assert found == [("public.show(uuid, uuid)", "high", ("execute",))]
    assert told(audited(FILES.format("and f.doctor = auth.uid()")), "chains") == []


LETTERS = """
create table public.people (
    id uuid primary key default gen_random_uuid(), friend_of uuid not null references auth.users,
    street text not null
);
create table public.letters (
    id uuid primary key default gen_random_uuid(), writer uuid not null references auth.users,
    person uuid not null references public.people
);
alter table public.people enable row level security;
alter table public.letters enable row level security;
create policy "own" on public.people to authenticated using (friend_of = (select auth.uid()));
create policy "own" on public.letters to authenticated using (writer = (select auth.uid()));
create function public.envelope(letter uuid) returns text
language sql stable security definer set search_path = '' as $$
    select p.street from public.letters as l join public.people as p on p.id = l.person
    where l.id = letter and l.writer = auth.uid() {}
$$;
"""


def test_a_row_of_ones_own_names_a_hidden_one_which_a_function_tells(audited: Audited) -> None:
    found = told(audited(LETTERS.format("")), "chains")
    assert found == [("public.envelope(uuid)", "medium", ("execute",))]
    assert told(audited(LETTERS.format("and p.friend_of = auth.uid()")), "chains") == []


MATES = """
create table public.ships (id integer primary key, name text not null);
create table public.crews (
    ship integer references public.ships on delete cascade, who uuid references auth.users,
    rank text not null default 'boy' check (rank in ('boy', 'mate', 'captain')), primary key (ship, who)
);
create function public.rank_on(wanted integer) returns text
language sql stable security definer set search_path = ''
as $$ select c.rank from public.crews as c where c.ship = wanted and c.who = auth.uid() $$;
alter table public.ships enable row level security;
alter table public.crews enable row level security;
create policy "see" on public.ships for select to authenticated using (public.rank_on(id) is not null);
create policy "sink" on public.ships for delete to authenticated using (public.rank_on(id) = 'captain');
create policy "see" on public.crews for select to authenticated using (public.rank_on(ship) is not null);
create policy "promote" on public.crews for update to authenticated
using (public.rank_on(ship) = 'captain'{});
"""


def test_who_is_neither_first_nor_last_makes_himself_the_first(audited: Audited) -> None:
    found = told(audited(MATES.format(" or public.rank_on(ship) = 'mate'")), "chains")
    assert ("public.crews", "medium", ("update",)) in found
    assert told(audited(MATES.format("")), "chains") == []


HALLS = """
create table public.halls (id integer primary key, name text not null, word text not null unique);
create table public.guests (
    hall integer references public.halls, who uuid references auth.users, primary key (hall, who)
);
create table public.songs (id integer primary key, hall integer not null references public.halls);
create function public.my_halls() returns setof integer
language sql stable security definer set search_path = ''
as $$ select g.hall from public.guests as g where g.who = auth.uid() $$;
alter table public.halls enable row level security;
alter table public.guests enable row level security;
alter table public.songs enable row level security;
create policy "own" on public.songs for select to authenticated using (hall in (select public.my_halls()));
create function public.enter(said text) returns void
language plpgsql security definer set search_path = '' as $$
declare
    found_one integer;
begin
    select h.id into found_one from public.halls as h where {} limit 1;
    if found_one is null then
        raise exception 'another word';
    end if;
    insert into public.guests (hall, who) values (found_one, auth.uid()) on conflict do nothing;
end $$;
"""


def test_a_word_that_is_compared_as_a_pattern(audited: Audited) -> None:
    found = told(audited(HALLS.format("h.word ilike said")), "chains")
    assert found == [("public.enter(text)", "high", ("execute",))]
    assert told(audited(HALLS.format("lower(h.word) = lower(said)")), "chains") == []


CHOIRS = """
create table public.choirs (id integer primary key, founder uuid not null references auth.users);
create table public.singers (
    choir integer references public.choirs, who uuid references auth.users, part text not null default 'alto',
    primary key (choir, who)
);
create function public.mine() returns setof integer language sql stable security definer
set search_path = '' as $$ select s.choir from public.singers as s where s.who = auth.uid() $$;
alter table public.choirs enable row level security;
alter table public.singers enable row level security;
create policy "listed" on public.choirs for select to authenticated using (true);
create policy "seen" on public.singers for select to authenticated using (choir in (select public.mine()));
create policy "first" on public.singers for insert to authenticated
with check (who = (select auth.uid()) and part = 'head'{});
"""
FOUNDED = """ and exists (
    select from public.choirs as c where c.id = choir and c.founder = (select auth.uid())
)"""


@pytest.mark.parametrize(("asked", "count"), [("", 1), (FOUNDED, 0)])
def test_who_says_that_he_is_the_head_is_let_in(audited: Audited, asked: str, count: int) -> None:
    """The policy lets nobody in who says anything else, and everybody who says this."""
    found = audited(CHOIRS.format(asked))
    assert told(found, "chains") == [("public.singers", "high", ("insert",))] * count


HIVES = """
create table public.hives (id integer primary key, keeper uuid not null references auth.users);
create table public.helpers (
    hive integer references public.hives, who uuid references auth.users, state text not null default 'asked',
    primary key (hive, who)
);
create table public.logs (id integer primary key, hive integer not null references public.hives);
alter table public.hives enable row level security;
alter table public.helpers enable row level security;
alter table public.logs enable row level security;
create policy "known" on public.hives for select to authenticated using (true);
create policy "both" on public.helpers for select to authenticated using (
    who = (select auth.uid())
    or hive in (select h.id from public.hives as h where h.keeper = (select auth.uid()))
);
create policy "ask" on public.helpers for insert to authenticated
with check (who = (select auth.uid()) and state = 'asked');
create policy "edit" on public.helpers for update to authenticated
using (who = (select auth.uid()) and state = 'asked') with check (who = (select auth.uid()){});
create policy "answer" on public.helpers for update to authenticated
using (hive in (select h.id from public.hives as h where h.keeper = (select auth.uid())));
create policy "read" on public.logs for select to authenticated using (exists (
    select from public.helpers as p
    where p.hive = logs.hive and p.who = (select auth.uid()) and p.state = 'in'
));
"""


@pytest.mark.parametrize(("checked", "count"), [("", 1), (" and state = 'asked'", 0)])
def test_who_keeps_a_hive_may_let_himself_in(audited: Audited, checked: str, count: int) -> None:
    """And a helper who asked may not: what is below a row of one's own is for oneself to decide."""
    found = audited(HIVES.format(checked))
    assert told(found, "chains") == [("public.helpers", "high", ("update",))] * count


def test_a_key_that_somebody_thinks_of_and_that_everybody_reads(audited: Audited) -> None:
    thought = TICKETS.replace("token uuid primary key default gen_random_uuid()", "key text not null unique")
    thought = thought.replace("p.token", "p.key").replace("use_pass(said uuid)", "use_pass(said text)")
    thought = thought.replace("use_pass(uuid)", "use_pass(text)")
    assert told(audited(thought.format("true")), "chains") == [("public.passes", "high", ("select",))]
    assert told(audited(thought.format("public.sits(hall)")), "chains") == []


BOATS = """
{kind}
create table public.crews (
    ship integer not null, who uuid not null references auth.users, watch text not null default 'day',
    grade {type}, {key}
);
alter table public.crews enable row level security;
create function public.grade_on(place integer) returns {plain} language sql stable security definer
set search_path = ''
as $$ select c.grade from public.crews as c where c.ship = place and c.who = auth.uid() $$;
create policy "see" on public.crews for select to authenticated using (public.grade_on(ship) is not null);
create policy "top" on public.crews for update to authenticated using (public.grade_on(ship) {top});
create policy "mid" on public.crews for update to authenticated using (public.grade_on(ship) {mid} {asked});
"""
BY_CHECK = {
    "kind": "",
    "type": "text not null default 'hand' check (grade in ('captain', 'mate', 'hand'))",
    "plain": "text",
    "key": "primary key (who)",
    "top": "= 'captain'",
    "mid": "= 'mate'",
    "low": "= 'hand'",
}
BY_ENUM = BY_CHECK | {
    "kind": "create type public.grade as enum ('hand', 'mate', 'captain');",
    "type": "public.grade not null default 'hand'",
    "plain": "public.grade",
    "key": "primary key (ship, who)",
}
BY_NUMBER = BY_CHECK | {
    "type": "integer not null default 1",
    "plain": "integer",
    "top": ">= 50",
    "mid": ">= 10",
    "low": "= 1",
}


@pytest.mark.parametrize("said", [BY_CHECK, BY_ENUM, BY_NUMBER])
def test_who_is_second_makes_himself_first(audited: Audited, said: dict[str, str]) -> None:
    found = of_rule(audited(BOATS.format(**said, asked="")), "chains")
    assert [(f.object, f.columns, f.actions) for f in found if f.columns == ("grade",)] == [
        ("public.crews", ("grade",), ("update",))
    ]
    kept = audited(BOATS.format(**said, asked=f"and grade {said['low']}"))
    assert [f for f in of_rule(kept, "chains") if f.columns == ("grade",)] == []


@pytest.mark.parametrize(("asked", "count"), [("", 1), ("and wanted <> auth.uid()", 0)])
def test_who_is_second_makes_himself_first_by_a_function(audited: Audited, asked: str, count: int) -> None:
    schema = BOATS.format(**BY_CHECK, asked="and grade = 'hand'")
    schema += f"""
    create function public.appoint(wanted uuid, said text) returns void
    language sql security definer set search_path = '' as $$
        update public.crews as c set grade = said
        where c.who = wanted and public.grade_on(c.ship) in ('mate', 'captain') {asked}
    $$;
    """
    found = [f for f in of_rule(audited(schema), "chains") if "is 'captain' then" in f.sentence]
    assert [f.object for f in found] == ["public.appoint(uuid, text)"] * count


def test_steps_of_work_are_no_ranks(audited: Audited) -> None:
    jobs = """
    create table public.jobs (
        id integer primary key, who uuid not null unique references auth.users,
        stage text not null default 'new' check (stage in ('new', 'begun', 'done'))
    );
    create table public.papers (id integer primary key, text text not null);
    alter table public.jobs enable row level security;
    alter table public.papers enable row level security;
    create policy "see" on public.jobs for select to authenticated using (who = (select auth.uid()));
    create policy "work" on public.jobs for update to authenticated
    using (who = (select auth.uid()) and stage <> 'new')
    with check (who = (select auth.uid()) and stage = 'done');
    """
    assert told(audited(jobs), "chains") == []


CREWS = """
create table public.ships (id integer primary key, name text not null);
create table public.crew (
    ship integer references public.ships, who uuid references auth.users,
    post {type} not null default {lowest}, primary key (ship, who)
);
create table public.berths (
    ship integer references public.ships, {named}, post {type} not null default {lowest},
    primary key (ship, wanted)
);
create function public.my_post(s integer) returns {type}
language sql stable security definer set search_path = ''
as $$ select c.post from public.crew as c where c.ship = s and c.who = auth.uid() $$;
alter table public.ships enable row level security;
alter table public.crew enable row level security;
alter table public.berths enable row level security;
create policy "see" on public.ships for select to authenticated using (public.my_post(id) is not null);
create policy "see" on public.crew for select to authenticated using (public.my_post(ship) is not null);
create policy "see" on public.berths for select to authenticated
using ({me} or public.my_post(ship) = {highest});
{join}
{invite}
"""
BY_ADDRESS = {"named": "wanted text", "me": "wanted = (select auth.jwt() ->> 'email')"}
BY_ID = {
    "named": "wanted uuid references auth.users",
    "me": "wanted = (select auth.uid())",
}
WORDS = {"type": "text", "lowest": "'hand'", "middle": "'mate'", "highest": "'master'"}
GRADES = {"type": "integer", "lowest": "1", "middle": "2", "highest": "3"}
SIGNS_ON = """
create policy "join" on public.crew for insert to authenticated with check (
    who = (select auth.uid())
    and post in (select b.post from public.berths as b where b.ship = crew.ship and {me})
);
"""
CALLS_ON = """
create function public.sign_on(s integer) returns void language sql security definer set search_path = ''
as $$
    insert into public.crew
    select b.ship, auth.uid(), b.post from public.berths as b where b.ship = s and {me}
$$;
"""
OFFERS = """
create policy "invite" on public.berths for insert to authenticated
with check (public.my_post(ship) in ({middle}, {highest}){more});
"""
OFFERS_BY_CALL = """
create function public.offer(s integer, whom text, as_what {type}) returns void
language plpgsql security definer set search_path = '' as $$
begin
    if public.my_post(s) in ({middle}, {highest}){more} then
        insert into public.berths values (s, whom, as_what);
    end if;
end $$;
"""
LOWEST = {"row": " and post = {lowest}", "call": " and as_what = {lowest}"}
COMPARED = {
    "row": " and (public.my_post(ship) = {highest} or post <> {highest})",
    "call": " and (public.my_post(s) = {highest} or as_what <> {highest})",
}


def _crews(join: str, invite: str, said: dict[str, str], more: dict[str, str]) -> str:
    asked = more.get("call" if "offer" in invite else "row", "").format(**said)
    parts = {"join": join.format(**said), "invite": invite.format(**said, more=asked)}
    return CREWS.format(**said, **parts)


@pytest.mark.parametrize(
    ("join", "invite", "said"),
    [
        (SIGNS_ON, OFFERS, {**BY_ADDRESS, **WORDS}),
        (CALLS_ON, OFFERS, {**BY_ID, **WORDS}),
        (CALLS_ON, OFFERS, {**BY_ADDRESS, **GRADES}),
        (SIGNS_ON, OFFERS_BY_CALL, {**BY_ADDRESS, **WORDS}),
    ],
)
def test_who_invites_gives_no_higher_rank_than_his_own(
    audited: Audited, join: str, invite: str, said: dict[str, str]
) -> None:
    found = [
        f for f in of_rule(audited(_crews(join, invite, said, {})), "chains") if "joins as" in f.sentence
    ]
    by_call = invite == OFFERS_BY_CALL
    [finding] = found
    assert finding.object == ("public.offer(integer, text, text)" if by_call else "public.berths")
    assert finding.severity.word == "medium"
    for more in (LOWEST, COMPARED):
        assert told(audited(_crews(join, invite, said, more)), "chains") == []


def test_who_may_promote_anybody_may_invite_him_so(audited: Audited) -> None:
    said = {**BY_ADDRESS, **WORDS}
    schema = (
        _crews(SIGNS_ON, OFFERS, said, {})
        + """
    create policy "promote" on public.crew for update to authenticated
    using (public.my_post(ship) in ('mate', 'master'));
    """
    )
    assert not [f for f in of_rule(audited(schema), "chains") if "joins as" in f.sentence]
