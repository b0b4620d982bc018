"""Channels of Realtime that are named after what others have."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

ROOMS = """
create table public.rooms (id integer primary key, topic text not null unique);
create table public.seats (
    room integer references public.rooms, who uuid references auth.users, primary key (room, who)
);
alter table public.rooms enable row level security;
alter table public.seats enable row level security;
create policy "own" on public.seats for select to authenticated using (who = (select auth.uid()));
create policy "rooms" on public.rooms for select to authenticated using ({rooms});
create policy "send" on realtime.messages for insert to authenticated with check (exists (
    select from public.seats as s join public.rooms as r on r.id = s.room
    where s.who = (select auth.uid()){send}
));
"""
MINE = "id in (select s.room from public.seats as s where s.who = (select auth.uid()))"
THERE = " and r.topic = (select realtime.topic())"


def test_who_sits_anywhere_sends_everywhere(audited: Audited) -> None:
    found = audited(ROOMS.format(rooms=MINE, send=""))
    assert told(found, "topics") == [("realtime.messages", "high", ("insert",))]
    assert "public.rooms" in of_rule(found, "topics")[0].sentence
    assert told(audited(ROOMS.format(rooms=MINE, send=THERE)), "topics") == []


def test_channels_of_what_all_may_read_are_for_all(audited: Audited) -> None:
    listed = 'create policy "list" on public.seats for select to authenticated using (true);'
    assert told(audited(ROOMS.format(rooms="true", send="") + listed), "topics") == []


CALLS = """
create table public.calls (
    id uuid primary key default gen_random_uuid(), host uuid not null references auth.users
);
alter table public.calls enable row level security;
create policy "own" on public.calls for select to authenticated using (host = (select auth.uid()));
create policy "ring" on realtime.messages for insert to authenticated with check ({});
create policy "hear" on realtime.messages for select to authenticated using (exists (
    select from public.calls as c where c.id::text = split_part((select realtime.topic()), ':', 2)
));
"""


def test_a_name_that_is_split_into_parts(audited: Audited) -> None:
    part = "split_part((select realtime.topic()), ':', {})"
    found = told(audited(CALLS.format(f"{part.format(1)} = 'call'")), "topics")
    assert found == [("realtime.messages", "high", ("insert",))]
    mine = f"{part.format(2)} in (select c.id::text from public.calls as c)"
    assert told(audited(CALLS.format(f"{part.format(1)} = 'call' and {mine}")), "topics") == []
