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
