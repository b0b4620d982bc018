"""Policies that decide nothing."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

BOARDS = """
create table public.boards (id integer primary key, title text not null);
create table public.seats (
    board integer references public.boards on delete cascade,
    who uuid references auth.users, is_chair boolean not null,
    primary key (board, who)
);
create function public.boards_of(chair boolean) returns setof integer
language sql stable security definer set search_path = ''
as $$ select s.board from public.seats as s where s.who = auth.uid() and s.is_chair >= chair $$;
alter table public.boards enable row level security;
alter table public.seats enable row level security;
create policy "chairs run boards" on public.boards for all to authenticated
using (id in (select public.boards_of(true)));
create policy "members see boards" on public.boards for {} to authenticated
using (id in (select public.boards_of(false)));
"""


def test_a_wider_policy_for_all_makes_the_narrow_one_pointless(audited: Audited) -> None:
    [finding] = of_rule(audited(BOARDS.format("all")), "pointless")
    assert (finding.object, finding.severity.word) == ("public.boards", "high")
    assert finding.actions == ("update", "delete")
    assert '"members see boards"' in finding.sentence


def test_a_wider_policy_that_only_reads_does_not(audited: Audited) -> None:
    assert told(audited(BOARDS.format("select")), "pointless") == []


NOTES = """
create table public.notes (id integer primary key, owner uuid not null references auth.users, body text);
alter table public.notes enable row level security;
create policy "own" on public.notes for all to authenticated using (owner = auth.uid());
create policy "sync" on public.notes for update to authenticated using (true);
"""


def test_a_policy_for_one_command_says_nothing_of_another(audited: Audited) -> None:
    """`sync` is for updates: that it changes no deletion is no fault."""
    assert told(audited(NOTES), "pointless") == []


def test_a_rank_may_do_all_that_others_do_with_rows_of_their_own(audited: Audited) -> None:
    schema = """
    create table public.staff (
        id uuid primary key references auth.users, boss boolean not null default false
    );
    create table public.notes (id integer primary key, writer uuid not null references auth.users);
    alter table public.staff enable row level security;
    alter table public.notes enable row level security;
    create function public.is_boss() returns boolean language sql stable security definer
    set search_path = '' as $$
        select coalesce((select s.boss from public.staff as s where s.id = auth.uid()), false)
    $$;
    create policy "boss" on public.notes for all to authenticated using (public.is_boss());
    create policy "mine" on public.notes for update to authenticated using (writer = (select auth.uid()));
    """
    assert told(audited(schema), "pointless") == []
