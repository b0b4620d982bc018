"""Policies that fail."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

CLUBS = """
create table public.seats (id integer primary key, who uuid not null references auth.users);
alter table public.seats enable row level security;
create policy "seats" on public.seats for select to authenticated using ({});
"""


def test_a_policy_that_asks_its_own_table_lets_nobody_in(audited: Audited) -> None:
    found = audited(CLUBS.format("exists (select from public.seats as s where s.who = (select auth.uid()))"))
    [finding] = of_rule(found, "nobody")
    assert (finding.object, finding.severity.word, finding.who) == ("public.seats", "high", ("alice", "bob"))
    assert "42P17" in finding.sentence


def test_a_policy_that_answers_is_no_finding(audited: Audited) -> None:
    assert told(audited(CLUBS.format("who = (select auth.uid())")), "nobody") == []
