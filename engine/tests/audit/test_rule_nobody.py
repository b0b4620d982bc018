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


SEATS = CLUBS.format("who = (select auth.uid())")
CLOSED = SEATS + "revoke all on public.seats from anon, authenticated;"


def test_policies_without_a_privilege_let_nobody_in(audited: Audited) -> None:
    [finding] = of_rule(audited(CLOSED), "nobody")
    assert (finding.object, finding.severity.word, finding.actions) == ("public.seats", "medium", ("select",))
    assert finding.repair is not None
    assert finding.repair.statements == ("grant select on public.seats to authenticated",)


def test_one_privilege_is_enough(audited: Audited) -> None:
    assert told(audited(CLOSED + "grant insert on public.seats to authenticated;"), "nobody") == []


BUCKET = """
insert into storage.buckets (id, name, public) values ('faces', 'faces', true);
create policy "read" on storage.objects for select using (bucket_id = 'faces');
create policy "upload" on storage.objects for insert to authenticated
with check (bucket_id = 'faces' and (storage.foldername(name))[1] = auth.uid()::text);
"""
REPLACE = """
create policy "replace" on storage.objects for update to authenticated
using (bucket_id = 'faces' and (storage.foldername(name))[1] = auth.uid()::text);
"""


def test_who_uploads_and_may_not_replace_is_refused_an_upsert(audited: Audited) -> None:
    [finding] = of_rule(audited(BUCKET), "nobody")
    assert (finding.object, finding.severity.word) == ("storage.objects[faces]", "low")
    assert finding.repair is not None
    assert finding.repair.statements[0].startswith('create policy "replace in storage.objects[faces]"')


def test_who_replaces_is_not(audited: Audited) -> None:
    assert told(audited(BUCKET + REPLACE), "nobody") == []


def test_one_policy_that_recurs_is_one_finding_whoever_asks_it(audited: Audited) -> None:
    schema = """
    create table public.seats (
        id integer primary key, team integer not null, who uuid not null references auth.users
    );
    create table public.plans (id integer primary key, team integer not null);
    alter table public.seats enable row level security;
    alter table public.plans enable row level security;
    create policy "team" on public.seats for select to authenticated
    using (team in (select s.team from public.seats as s where s.who = (select auth.uid())));
    create policy "team" on public.plans for select to authenticated
    using (team in (select s.team from public.seats as s where s.who = (select auth.uid())));
    """
    [finding] = of_rule(audited(schema), "nobody")
    assert "public.plans and public.seats" in finding.sentence
