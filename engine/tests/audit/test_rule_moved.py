"""Rows that are put where others read them."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, told

pytestmark = pytest.mark.slow

PADS = """
create table public.groups (id integer primary key, name text not null);
create table public.seats (
    group_id integer references public.groups, who uuid references auth.users, primary key (group_id, who)
);
create table public.pads (
    id integer primary key, author uuid not null references auth.users,
    group_id integer not null references public.groups, text text not null
);
create function public.sits_in(wanted integer) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.seats as s where s.group_id = wanted and s.who = auth.uid()) $$;
alter table public.groups enable row level security;
alter table public.seats enable row level security;
alter table public.pads enable row level security;
create policy "read" on public.pads for select to authenticated
using (author = (select auth.uid()) or public.sits_in(group_id));
create policy "edit" on public.pads for update to authenticated
using (author = (select auth.uid())) with check (author = (select auth.uid()) {});
"""


def test_a_row_moves_to_a_group_of_others(audited: Audited) -> None:
    assert told(audited(PADS.format("")), "moved") == [("public.pads", "medium", ("update",))]


def test_a_check_of_the_group_keeps_it(audited: Audited) -> None:
    assert told(audited(PADS.format("and public.sits_in(group_id)")), "moved") == []


BOARDS = """
create table public.seats (board integer, who uuid references auth.users, primary key (board, who));
create table public.papers (
    id integer primary key, board integer not null, writer uuid not null references auth.users,
    text text not null
);
alter table public.seats enable row level security;
alter table public.papers enable row level security;
create policy "own" on public.seats for select to authenticated using (who = (select auth.uid()));
create policy "read" on public.papers for select to authenticated
using (board in (select s.board from public.seats as s where s.who = (select auth.uid())));
create policy "write" on public.papers for insert to authenticated
with check (writer = (select auth.uid()){});
"""


def test_a_new_row_is_put_where_others_read_it(audited: Audited) -> None:
    found = audited(BOARDS.format(""))
    assert told(found, "moved") == [("public.papers", "medium", ("insert",))]
    asked = " and board in (select s.board from public.seats as s where s.who = (select auth.uid()))"
    assert told(audited(BOARDS.format(asked)), "moved") == []


GIFTS = """
create table public.gifts (
    id integer primary key, owner uuid not null references auth.users, text text not null
);
alter table public.gifts enable row level security;
create policy "read" on public.gifts for select to authenticated using (owner = (select auth.uid()));
create policy "edit" on public.gifts for update to authenticated using (owner = (select auth.uid())){};
"""


def test_a_row_is_given_to_somebody_who_never_wrote_it(audited: Audited) -> None:
    found = audited(GIFTS.format(" with check (true)"))
    assert told(found, "moved") == [("public.gifts", "medium", ("update",))]
    assert told(audited(GIFTS.format("")), "moved") == []
