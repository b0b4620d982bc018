"""Rows that their owners took back: what is a mark follows from what owners and the schema do with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.audit.rules.expired import find as find_expired
from pgassay.audit.rules.withdrawn import find as find_withdrawn
from pgassay.config import DEFAULT_PERSONAS
from pgassay.server import Server
from tests.audit.audit_support import Audited, audit_schema, of_rule, told

pytestmark = pytest.mark.slow

ALICE = DEFAULT_PERSONAS["alice"].claims["sub"]

ADS = """
create table public.ads (
    id integer primary key, seller uuid not null references auth.users, text text not null, {column}
);
alter table public.ads enable row level security;
create policy "read" on public.ads for select using ({using});
create policy "edit" on public.ads for update to authenticated
using (seller = (select auth.uid())) with check (seller = (select auth.uid()));
{more}
"""
MEDIUM = [("public.ads", "medium", ("select",))]
INFO = [("public.ads", "info", ("select",))]


def ads(column: str, using: str = "true", more: str = "") -> str:
    return ADS.format(column=column, using=using, more=more)


@pytest.mark.parametrize("name", ["deleted_at", "wieder_da", '"Ünbekannt"'])
def test_rows_that_owners_mark_are_read_whatever_the_mark_is_called(audited: Audited, name: str) -> None:
    found = audited(ads(f"{name} timestamptz"))
    assert told(found, "withdrawn") == MEDIUM
    [finding] = of_rule(found, "withdrawn")
    assert [step.who.name if step.who else "" for step in finding.steps] == ["alice", "anon"]
    # Who may read goes on to read what is not marked.
    assert finding.repair is not None
    assert "is null" in finding.repair.statements[0]


def test_a_policy_that_asks_hides_them(audited: Audited) -> None:
    assert told(audited(ads("archived_at timestamptz", "archived_at is null")), "withdrawn") == []


def test_what_only_the_server_sets_is_only_to_know(audited: Audited) -> None:
    more = "revoke update on public.ads from public, authenticated; grant update (text) on public.ads to anon"
    assert told(audited(ads("deleted_at timestamptz", more=more)), "withdrawn") == INFO


def test_what_only_the_server_sets_counts_where_a_view_leaves_rows_out_by_it(audited: Audited) -> None:
    more = (
        "revoke update on public.ads from authenticated; grant update (text) on public.ads to authenticated;"
        "create view public.shop with (security_invoker = true) as "
        "select id, text from public.ads where stage = 'out';"
    )
    stage = "stage text not null default 'out' check (stage in ('out', 'kept'))"
    [finding] = of_rule(audited(ads(stage, more=more)), "withdrawn")
    assert (finding.severity.word, finding.columns) == ("medium", ("stage",))
    assert "public.shop leaves rows out by it" in finding.sentence


def test_a_text_by_which_nothing_leaves_rows_out_is_no_mark(audited: Audited) -> None:
    assert told(audited(ads("size text check (size in ('s', 'm'))")), "withdrawn") == []


def test_what_a_trigger_keeps_is_no_mark(audited: Audited) -> None:
    more = """
    create function public.touch() returns trigger language plpgsql as
    $$ begin new.edited := now(); return new; end $$;
    create trigger touch before update on public.ads for each row execute function public.touch();
    """
    assert told(audited(ads("edited timestamptz", more=more)), "withdrawn") == []


def test_a_function_that_sets_it_or_leaves_rows_out_says_that_it_is_a_mark(audited: Audited) -> None:
    grants = "revoke update on public.ads from authenticated;"
    hides = """
    create function public.search() returns setof public.ads language sql stable as
    $$ select * from public.ads where gone is null $$;
    """
    found = audited(ads("gone timestamptz", more=grants + hides))
    assert told(found, "withdrawn") == MEDIUM
    assert "public.search() leaves rows out by it" in of_rule(found, "withdrawn")[0].sentence
    sets = """
    create function public.take_back(ad integer) returns void language sql security definer
    set search_path = '' as
    $$ update public.ads set gone = now() where id = ad and seller = auth.uid() $$;
    """
    found = audited(ads("gone timestamptz", more=grants + sets))
    assert told(found, "withdrawn") == MEDIUM
    assert "public.take_back(integer) sets it" in of_rule(found, "withdrawn")[0].sentence


def test_rows_that_stand_for_users_are_not_withdrawn(audited: Audited) -> None:
    schema = """
    create table public.people (
        id uuid primary key references auth.users, updated_at timestamptz, name text unique
    );
    alter table public.people enable row level security;
    create policy "read" on public.people for select using (true);
    create policy "edit" on public.people for update to authenticated using (id = (select auth.uid()));
    """
    assert told(audited(schema), "withdrawn") == [("public.people", "info", ("select",))]


def test_who_alone_reads_all_has_a_rank(audited: Audited) -> None:
    schema = ads("archived_at timestamptz", "seller = (select auth.uid()) or public.leads()")
    rank = """create table public.leaders (id uuid primary key references auth.users);
    alter table public.leaders enable row level security;
    create function public.leads() returns boolean language sql stable security definer set search_path = ''
    as $$ select exists (select from public.leaders as l where l.id = auth.uid()) $$;
    """
    assert told(audited(rank + schema), "withdrawn") == []


def test_who_has_marked_a_row_may_not_be_let_at_it_again(audited: Audited) -> None:
    """The first row that there is is marked already."""
    schema = f"""
    create table public.offers (
        id integer primary key, seller uuid not null references auth.users,
        gone boolean not null default false
    );
    insert into auth.users (id) values ('{ALICE}');
    insert into public.offers values (1, '{ALICE}', true), (2, '{ALICE}', false);
    alter table public.offers enable row level security;
    create policy "see" on public.offers for select using (true);
    create policy "edit" on public.offers for update to authenticated
    using (seller = (select auth.uid()) and not gone) with check (seller = (select auth.uid()));
    """
    assert told(audited(schema), "withdrawn") == [("public.offers", "medium", ("select",))]


SHARED = """
create table public.plans (
    id uuid primary key, owner uuid not null references auth.users, text text not null, gone timestamptz
);
create table public.fellows (
    plan uuid not null references public.plans, who uuid not null references auth.users,
    primary key (plan, who)
);
create function public.is_fellow(wanted uuid) returns boolean
language sql stable security definer set search_path = ''
as $$ select exists (select from public.fellows as f where f.plan = wanted and f.who = auth.uid()) $$;
alter table public.plans enable row level security;
alter table public.fellows enable row level security;
create policy "own" on public.plans for select to authenticated
using (owner = (select auth.uid()) and gone is null);
create policy "with others" on public.plans for select to authenticated using (public.is_fellow(id) {});
create policy "mine" on public.fellows for select to authenticated using (who = (select auth.uid()));
"""


def test_others_read_what_its_owner_no_longer_does(audited: Audited) -> None:
    [finding] = of_rule(audited(SHARED.format("")), "withdrawn")
    assert (finding.object, finding.severity.word, finding.columns) == ("public.plans", "medium", ("gone",))
    assert '"with others"' in finding.sentence
    assert told(audited(SHARED.format("and gone is null")), "withdrawn") == []


def test_who_has_a_rank_may_read_what_was_withdrawn(audited: Audited) -> None:
    staff = """
    create table public.staff (id uuid primary key references auth.users, level text not null default 'none');
    alter table public.staff enable row level security;
    create function public.checks() returns boolean language sql stable security definer set search_path = ''
    as $$ select exists (select from public.staff as s where s.id = auth.uid() and s.level = 'checker') $$;
    """
    ranked = SHARED.replace("using (public.is_fellow(id) {})", "using (public.checks())")
    assert told(audited(staff + ranked), "withdrawn") == []


def test_what_comes_out_later_is_told_of_once(server: Server, tmp_path: Path) -> None:
    schema = ads("publish_at timestamptz")
    found = audit_schema(server, tmp_path, schema, find_withdrawn, find_expired)
    assert [(f.rule, f.columns) for f in found.findings] == [("expired", ("publish_at",))]
