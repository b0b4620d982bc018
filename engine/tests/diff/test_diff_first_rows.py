"""Rows that are not there yet, calls that are made twice, and everybody whom a change lets through."""

from __future__ import annotations

import pytest

from pgassay.diff.outcome import Review
from pgassay.diff.review import review
from tests.diff.diff_support import Tenants

ENOUGH = 4000

CLUBS = """
create table public.clubs (id integer primary key);
create table public.club_members (
    club integer references public.clubs (id), who uuid references auth.users (id), primary key (club, who)
);
insert into public.clubs values (1), (2);
create function public.my_clubs() returns setof integer language sql stable security definer
as $$ select m.club from public.club_members as m where m.who = auth.uid() $$;
alter table public.club_members enable row level security;
create policy "seen" on public.club_members for select to authenticated
using (club in (select public.my_clubs()));
grant select, insert on public.club_members to authenticated;
"""
TAKE_IN = """create policy "come in" on public.club_members for insert to authenticated
with check (who = auth.uid() and club in (select public.my_clubs()));
"""
JOIN = TAKE_IN.replace(" and club in (select public.my_clubs())", "")

PEOPLE = """
create table public.people (id uuid primary key, rank text not null default 'customer');
insert into public.people values
('a11ce000-0000-4000-8000-000000000001', 'customer'), ('b0b00000-0000-4000-8000-000000000002', 'driver');
alter table public.people enable row level security;
create policy "own" on public.people for select to authenticated using (id = auth.uid());
create policy "first" on public.people for insert to authenticated with check (id = auth.uid());
grant select, insert on public.people to authenticated;
create function public.keep_rank() returns trigger language plpgsql as $$
begin new.rank := 'customer'; return new; end $$;
create trigger keep before {} on public.people for each row execute function public.keep_rank();
"""

REFUNDS = """
create table public.jobs (id integer primary key, who uuid not null, state text not null);
create table public.refunds (id integer generated always as identity primary key, job integer not null);
insert into public.jobs values (1, 'a11ce000-0000-4000-8000-000000000001', 'done');
create function public.refund(which integer) returns void language sql security definer as $$
    insert into public.refunds (job) select j.id from public.jobs as j
    where j.id = which and j.who = auth.uid() and j.state = 'failed' on conflict do nothing
$$;
revoke all on public.jobs, public.refunds from anon, authenticated;
create {} index once on public.refunds (job);
"""

NOTES = """
create table public.articles (id integer primary key, who uuid not null, gone timestamptz);
insert into public.articles values (1, 'a11ce000-0000-4000-8000-000000000001', null);
alter table public.articles enable row level security;
create policy "read" on public.articles for select using ({});
create policy "edit" on public.articles for update to authenticated using (who = auth.uid());
grant select, update on public.articles to anon, authenticated;
"""


def compare(tenants: Tenants, before: str, after: str) -> Review:
    base = tenants.head(f"{before}\n", name="base.sql")
    return review(tenants.server, base, tenants.head(f"{after}\n"), search=ENOUGH)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (CLUBS + TAKE_IN, CLUBS + JOIN, "INSERT 1 of the rows of public.club_members (was: refused, 42501)"),
        (
            PEOPLE.format("insert or update"),
            PEOPLE.format("update"),
            "INSERT 1 of the rows of public.people for good (was: put back by a trigger), given no row of",
        ),
        (
            REFUNDS.format("unique"),
            REFUNDS.format(""),
            "EXECUTE public.refund(integer) to write more (was: less), given a row of public.jobs with",
        ),
    ],
    ids=["row that would let itself in", "first row", "call made twice"],
)
def test_gain_is_told_of_all_whom_the_change_lets_through(
    tenants: Tenants, before: str, after: str, message: str
) -> None:
    [gain] = compare(tenants, before, after).difference.gained
    assert gain.message.startswith(f"alice and bob can now {message}")


def test_what_the_rows_at_hand_do_not_show_is_looked_for_beside_what_they_show(tenants: Tenants) -> None:
    found = compare(tenants, NOTES.format("gone is null"), NOTES.format("true"))
    shown, searched = (one.message for one in found.difference.gained)
    assert shown.startswith("alice can now UPDATE gone of their own rows of public.articles")
    assert "can now SELECT 1 of the rows of public.articles (was: 0), given a row of" in searched


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CLUBS + JOIN, CLUBS + TAKE_IN),
        (PEOPLE.format("update"), PEOPLE.format("insert or update")),
        (REFUNDS.format(""), REFUNDS.format("unique")),
        (NOTES.format("true"), NOTES.format("gone is null")),
    ],
)
def test_the_repair_of_each_gains_nothing(tenants: Tenants, before: str, after: str) -> None:
    assert compare(tenants, before, after).difference.gained == ()
