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
