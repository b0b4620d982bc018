"""Marks that keep a user from one kind of rows, and not from its sibling."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

FORUM = """
create table public.writers (
    id uuid primary key references auth.users, standing text not null default '{begins}'
);
create table public.essays (
    id integer generated always as identity primary key, writer uuid not null references public.writers,
    text text not null
);
create table public.answers (
    id integer generated always as identity primary key, writer uuid not null references public.writers,
    text text not null
);
alter table public.writers enable row level security;
alter table public.essays enable row level security;
alter table public.answers enable row level security;
create function public.keep_out() returns trigger language plpgsql security definer set search_path = ''
as $$
begin
    if exists (select from public.writers as w where w.id = new.writer and w.standing <> 'good') then
        raise exception 'not now';
    end if;
    return new;
end $$;
create trigger keep_out before insert on public.essays for each row execute function public.keep_out();
create policy "own" on public.writers for select to authenticated using (id = (select auth.uid()));
create policy "read" on public.essays for select to authenticated using (true);
create policy "write" on public.essays for insert to authenticated with check (writer = (select auth.uid()));
create policy "read" on public.answers for select to authenticated using ({read});
create policy "write" on public.answers for insert to authenticated with check (writer = (select auth.uid()));
"""


def test_who_is_banned_from_one_table_writes_into_another(audited: Audited) -> None:
    [finding] = of_rule(audited(FORUM.format(begins="good", read="true")), "blocked")
    assert (finding.object, finding.severity.word) == ("public.answers", "medium")
    assert "standing of" in finding.sentence
    trigger = (
        "create trigger k before insert on public.answers for each row execute function public.keep_out();"
    )
    assert told(audited(FORUM.format(begins="good", read="true") + trigger), "blocked") == []


def test_what_nobody_else_reads_is_no_sibling(audited: Audited) -> None:
    own = FORUM.format(begins="good", read="writer = (select auth.uid())")
    assert told(audited(own), "blocked") == []


def test_a_rank_that_nobody_begins_with_is_no_ban(audited: Audited) -> None:
    assert told(audited(FORUM.format(begins="new", read="true")), "blocked") == []


WALL = """
create table public.banned (who uuid primary key references auth.users);
create table public.shouts (
    id integer generated always as identity primary key, who uuid not null references auth.users, text text
);
alter table public.banned enable row level security;
alter table public.shouts enable row level security;
create function public.is_banned() returns boolean language sql stable security definer set search_path = ''
as $$ select exists (select from public.banned as b where b.who = auth.uid()) $$;
create policy "own" on public.shouts for select to authenticated using (who = (select auth.uid()));
create policy "shout" on public.shouts for insert to authenticated with check (who = (select auth.uid()) {});
create function public.shout(words text) returns void language plpgsql security definer set search_path = ''
as $$
begin
    if {} then raise exception 'banned'; end if;
    insert into public.shouts (who, text) values (auth.uid(), words);
end $$;
revoke execute on function public.shout from public, anon;
"""
ASKED, NOT_ASKED = "and not public.is_banned()", "auth.uid() is null"


def test_a_function_lets_in_whom_a_policy_keeps_out(audited: Audited) -> None:
    found = told(audited(WALL.format(ASKED, NOT_ASKED)), "blocked")
    assert found == [("public.shout(text)", "medium", ("execute",))]
    assert told(audited(WALL.format("", "public.is_banned()")), "blocked") == [
        ("public.shouts", "medium", ("insert",))
    ]


def test_a_ban_that_is_asked_for_on_both_ways_or_on_none(audited: Audited) -> None:
    assert told(audited(WALL.format(ASKED, "public.is_banned()")), "blocked") == []
    assert told(audited(WALL.format("", NOT_ASKED)), "blocked") == []


ROOMS = """
create table public.rooms (id integer primary key, text text not null);
create table public.guests (
    room integer not null references public.rooms, who uuid not null references auth.users,
    primary key (room, who)
);
create table public.outs (
    room integer not null references public.rooms, who uuid not null references auth.users,
    primary key (room, who)
);
create table public.talks (
    id integer primary key, room integer not null references public.rooms,
    writer uuid not null references auth.users, text text not null
);
create function public.is_in(wanted integer) returns boolean
language sql stable security definer set search_path = ''
as $$
    select exists (select from public.guests as g where g.room = wanted and g.who = auth.uid())
    and not exists (select from public.outs as o where o.room = wanted and o.who = auth.uid())
$$;
alter table public.rooms enable row level security;
alter table public.guests enable row level security;
alter table public.outs enable row level security;
alter table public.talks enable row level security;
create policy "in" on public.talks for select to authenticated using (public.is_in(room));
create policy "own" on public.guests for select to authenticated using (who = (select auth.uid()));
create function public.talks_of(wanted integer) returns setof public.talks
language sql stable security definer set search_path = ''
as $$ select t.* from public.talks as t where t.room = wanted and {} $$;
"""


def test_a_function_tells_whom_a_ban_keeps_out(audited: Audited) -> None:
    guests = "exists (select from public.guests as g where g.room = wanted and g.who = auth.uid())"
    [finding] = of_rule(audited(ROOMS.format(guests)), "blocked")
    assert (finding.object, finding.severity.word) == ("public.talks_of(integer)", "medium")
    assert "public.outs" in finding.sentence
    assert told(audited(ROOMS.format("public.is_in(wanted)")), "blocked") == []
