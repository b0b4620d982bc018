"""Columns that an UPDATE sets to what an INSERT refuses."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

TRIPS = """
create type public.stage as enum ('asked', 'granted', 'refused');
create table public.trips (
    id integer primary key, clerk uuid not null references auth.users,
    stage public.stage not null default 'asked'
);
alter table public.trips enable row level security;
create policy "read" on public.trips for select to authenticated using (clerk = (select auth.uid()));
create policy "ask" on public.trips for insert to authenticated
with check (clerk = (select auth.uid()){asked});
create policy "change" on public.trips for update to authenticated using (clerk = (select auth.uid()){kept});
"""
ASKED = " and stage = 'asked'"


def test_a_state_that_no_row_begins_with_and_every_user_sets(audited: Audited) -> None:
    [finding] = of_rule(audited(TRIPS.format(asked=ASKED, kept="")), "states")
    assert (finding.object, finding.columns, finding.severity.word) == ("public.trips", ("stage",), "medium")
    assert finding.actions == ("update",)
    assert finding.repair is not None
    assert finding.repair.statements[0] == "revoke update on public.trips from authenticated"


def test_a_policy_for_updates_that_asks_too_is_enough(audited: Audited) -> None:
    assert told(audited(TRIPS.format(asked=ASKED, kept=ASKED)), "states") == []


def test_where_a_row_begins_as_it_likes_there_is_no_state(audited: Audited) -> None:
    assert told(audited(TRIPS.format(asked="", kept="")), "states") == []


def test_where_some_steps_are_let_through_somebody_chose_them(audited: Audited) -> None:
    steps = TRIPS.format(asked=ASKED, kept=") with check (clerk = (select auth.uid()) and stage <> 'granted'")
    assert told(audited(steps), "states") == []


def test_a_text_whose_check_lists_its_values_is_a_state_too(audited: Audited) -> None:
    enum = "create type public.stage as enum ('asked', 'granted', 'refused');"
    column = "text not null default 'asked' check (stage in ('asked', 'granted'))"
    schema = TRIPS.replace(enum, "").replace("public.stage not null default 'asked'", column)
    found = audited(schema.format(asked=ASKED, kept=""))
    assert told(found, "states") == [("public.trips", "medium", ("update",))]
