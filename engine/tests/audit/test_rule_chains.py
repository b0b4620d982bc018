"""Writes after which somebody reaches more."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

TEAMS = """
create table public.teams (id integer primary key, name text not null);
create table public.members (
    team integer references public.teams, member uuid references auth.users, primary key (team, member)
);
create table public.plans (
    id integer primary key, team integer not null references public.teams, text text not null
);
create function public.teams_of_caller() returns setof integer
language sql stable security definer set search_path = ''
as $$ select m.team from public.members as m where m.member = auth.uid() $$;
alter table public.teams enable row level security;
alter table public.members enable row level security;
alter table public.plans enable row level security;
create policy "see" on public.members for select to authenticated
using (team in (select public.teams_of_caller()));
create policy "plans" on public.plans for select to authenticated
using (team in (select public.teams_of_caller()));
"""


def test_who_makes_himself_a_member_reads_what_members_read(audited: Audited) -> None:
    join = (
        'create policy "join" on public.members for insert to authenticated '
        "with check (member = (select auth.uid()));"
    )
    [finding] = of_rule(audited(TEAMS + join), "chains")
    assert (finding.object, finding.severity.word, finding.actions) == ("public.members", "high", ("insert",))
    assert "public.plans" in finding.sentence
    assert finding.repair is not None
    assert "teams_of_caller" in finding.repair.statements[0]


def test_who_is_taken_in_by_members_is_no_finding(audited: Audited) -> None:
    take = (
        'create policy "take in" on public.members for insert to authenticated '
        "with check (team in (select public.teams_of_caller()));"
    )
    found = audited(TEAMS + take)
    assert told(found, "chains") == []
    assert found.exit_code == 0
