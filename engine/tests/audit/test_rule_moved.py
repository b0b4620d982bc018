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


TALKS = """
create table public.talks (
    id integer primary key, speaker uuid not null references auth.users, closed boolean not null default false
);
create table public.questions (
    id integer primary key, talk integer not null references public.talks,
    asker uuid not null references auth.users, text text not null
);
alter table public.talks enable row level security;
alter table public.questions enable row level security;
create policy "read" on public.talks for select to authenticated
using (not closed or speaker = (select auth.uid()));
create policy "read" on public.questions for select to authenticated
using (exists (select from public.talks as t where t.id = talk));
create policy "ask" on public.questions for insert to authenticated
with check (asker = (select auth.uid()) {});
"""


def test_a_row_is_put_below_one_that_its_writer_may_not_read(audited: Audited) -> None:
    assert told(audited(TALKS.format("")), "moved") == [("public.questions", "medium", ("insert",))]
    asked = "and exists (select from public.talks as t where t.id = talk)"
    assert told(audited(TALKS.format(asked)), "moved") == []


FIRMS = """
create table public.firms (id uuid primary key, text text not null);
create table public.clerks (
    firm uuid not null references public.firms, who uuid not null references auth.users,
    primary key (firm, who)
);
create table public.keys (
    id uuid primary key, firm uuid not null references public.firms, hash text not null
);
create function public.works_in(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.clerks as c where c.firm = wanted and c.who = auth.uid()) $$;
alter table public.firms enable row level security;
alter table public.clerks enable row level security;
alter table public.keys enable row level security;
create policy "read" on public.firms for select to authenticated using (public.works_in(id));
create policy "read" on public.keys for select to authenticated using (public.works_in(firm));
create policy "make" on public.keys for insert to {} with check ({});
"""


def test_rows_of_a_firm_that_anybody_makes(audited: Audited) -> None:
    assert told(audited(FIRMS.format("authenticated", "true")), "moved") == [
        ("public.keys", "medium", ("insert",))
    ]
    assert told(audited(FIRMS.format("authenticated", "public.works_in(firm)")), "moved") == []
    # A form takes them from whoever sends it.
    assert told(audited(FIRMS.format("anon, authenticated", "true")), "moved") == []
