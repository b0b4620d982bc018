"""One statement over many rows."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

SLOTS = """
create table public.slots (
    id integer generated always as identity primary key,
    who uuid not null references auth.users, label text not null
);
create function public.used() returns bigint language sql {} security definer set search_path = '' as
$$ select count(*) from public.slots as s where s.who = auth.uid() $$;
alter table public.slots enable row level security;
create policy "see" on public.slots for select to authenticated using (who = (select auth.uid()));
create policy "few" on public.slots for insert to authenticated
with check (who = (select auth.uid()) {});
"""
JOBS = """
create table public.wallets (who uuid primary key references auth.users, credits integer default 100);
create table public.jobs (
    id integer generated always as identity primary key,
    who uuid not null references auth.users, label text not null
);
alter table public.jobs enable row level security;
alter table public.wallets enable row level security;
create policy "own" on public.jobs for all to authenticated using (who = (select auth.uid()));
create policy "see" on public.wallets for select to authenticated using (who = (select auth.uid()));
create function public.pay() returns trigger language plpgsql security definer set search_path = '' as $$
begin update public.wallets as w set credits = w.credits - 1 where w.who = auth.uid(); return null; end $$;
create trigger pay after {} on public.jobs for each {} execute function public.pay();
"""


def test_a_limit_that_is_counted_before_the_statement(audited: Audited) -> None:
    [finding] = of_rule(audited(SLOTS.format("stable", "and public.used() < 5")), "many")
    assert (finding.object, finding.severity.word, finding.actions) == ("public.slots", "medium", ("insert",))
    assert "inserts 6 rows into public.slots with one statement" in finding.sentence
    assert "let 4 through (42501)" in finding.sentence  # one is there


def test_a_limit_that_counts_the_rows_of_the_statement_holds(audited: Audited) -> None:
    keep = """
    create function public.keep() returns trigger language plpgsql security definer set search_path = '' as $$
    begin
        if (select count(*) from public.slots as s where s.who = new.who) >= 5 then
            raise exception 'No more than 5.';
        end if;
        return new;
    end $$;
    create trigger keep before insert on public.slots for each row execute function public.keep();
    """
    assert told(audited(SLOTS.format("stable", "") + keep), "many") == []


@pytest.mark.parametrize("verb", ["insert", "update", "delete"])
def test_a_trigger_of_statements_fires_once(audited: Audited, verb: str) -> None:
    assert told(audited(JOBS.format(verb, "statement")), "many") == [("public.jobs", "medium", (verb,))]
    assert told(audited(JOBS.format(verb, "row")), "many") == []


def test_a_limit_that_stands_in_a_column_of_what_the_rows_belong_to(audited: Audited) -> None:
    schema = """
    create table public.teams (
        id integer primary key, boss uuid not null references auth.users, most integer not null default 30
    );
    create table public.chairs (
        id integer generated always as identity primary key, team integer not null references public.teams
    );
    alter table public.teams enable row level security;
    alter table public.chairs enable row level security;
    create policy "own" on public.teams for select to authenticated using (boss = (select auth.uid()));
    create policy "see" on public.chairs for select to authenticated
    using (team in (select t.id from public.teams as t where t.boss = (select auth.uid())));
    create policy "add" on public.chairs for insert to authenticated
    with check (team in (select t.id from public.teams as t where t.boss = (select auth.uid())));
    create function public.count_chairs() returns trigger language plpgsql security definer
    set search_path = '' as $$
    begin
        if exists (
            select from public.teams as t where t.boss = auth.uid()
            and (select count(*) from public.chairs as c where c.team = t.id) >= t.most
        ) then raise exception 'full'; end if;
        return new;
    end $$;
    create trigger count_chairs before insert on public.chairs
    for each {} execute function public.count_chairs();
    """
    assert told(audited(schema.format("statement")), "many") == [("public.chairs", "medium", ("insert",))]
    assert told(audited(schema.format("row")), "many") == []
