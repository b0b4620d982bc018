"""Views that show what their tables hide."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

NOTES = """
create table public.notes (
    id integer primary key, author uuid not null references auth.users, text text not null
);
alter table public.notes enable row level security;
create policy "own" on public.notes for select using (author = (select auth.uid()));
"""


@pytest.mark.parametrize("kind", ["view", "materialized view"])
def test_a_view_with_its_owners_rights_shows_hidden_rows(audited: Audited, kind: str) -> None:
    [finding] = of_rule(
        audited(f"{NOTES} create {kind} public.titles as select * from public.notes;"), "views"
    )
    assert (finding.object, finding.severity.word) == ("public.titles", "critical")
    assert finding.who == ("anon", "alice", "bob")
    # Without the privilege nobody would read his own rows there any more.
    fixes = [("alter view public.titles set (security_invoker = true)",)] if kind == "view" else []
    assert [finding.repair.statements for _ in [0] if finding.repair] == fixes


def test_a_view_with_its_readers_rights_does_not(audited: Audited) -> None:
    schema = f"{NOTES} create view public.titles with (security_invoker) as select * from public.notes;"
    assert told(audited(schema), "views") == []


def test_a_view_that_chooses_its_rows_is_low(audited: Audited) -> None:
    schema = f"{NOTES} create view public.news as select * from public.notes where text like '%alice%';"
    assert told(audited(schema), "views") == [("public.news", "low", ("select",))]


def test_a_view_of_which_somebody_has_thought_who_may_read_it_is_medium(audited: Audited) -> None:
    view = "create view public.titles as select id, text from public.notes;"
    grants = "revoke all on public.titles from anon, authenticated; grant select on public.titles to anon;"
    assert told(audited(NOTES + view + grants), "views") == [("public.titles", "medium", ("select",))]
    given = view + "grant select on public.titles to anon, authenticated;"
    assert told(audited(NOTES + given), "views") == [("public.titles", "medium", ("select",))]
    assert told(audited(NOTES + view), "views") == [("public.titles", "critical", ("select",))]
    whole = given.replace("select id, text", "select id, author, text")
    assert told(audited(NOTES + whole), "views") == [("public.titles", "critical", ("select",))]


CAST = """
create table public.actors (
    id uuid primary key references auth.users, stage_name text not null, phone text,
    search {} generated always as ({}) stored
);
alter table public.actors enable row level security;
create policy "all" on public.actors for select to authenticated using (true);
revoke select on public.actors from anon, authenticated;
grant select (id, stage_name, search) on public.actors to authenticated;
"""
BOTH = "stage_name || ' ' || coalesce(phone, '')"


def test_a_generated_column_shows_what_grants_hide(audited: Audited) -> None:
    found = audited(CAST.format("text", f"lower({BOTH})"))
    assert told(found, "views") == [("public.actors", "medium", ("select",))]
    assert "what stands in phone" in found.findings[0].sentence
    words = CAST.format("tsvector", f"to_tsvector('simple', {BOTH})")
    assert told(audited(words), "views") == [("public.actors", "medium", ("select",))]
    assert told(audited(CAST.format("text", "lower(stage_name)")), "views") == []


PAY = """
create table public.workers (id uuid primary key references auth.users, name text not null);
create table public.wages (
    worker_id uuid not null references public.workers, since date not null, monthly numeric(10, 2) not null,
    primary key (worker_id, since)
);
alter table public.workers enable row level security;
alter table public.wages enable row level security;
create policy "all" on public.workers for select to authenticated using (true);
create policy "own" on public.wages for select to authenticated using (worker_id = (select auth.uid()));
"""
LATEST = """
create view public.team with (security_invoker = {}) as
select w.id, w.name, g.{} as monthly from public.workers as w
left join lateral (
    select x.monthly, count(*) over () as number from public.wages as x where x.worker_id = w.id
    order by x.since desc limit 1
) as g on true;
"""


def test_a_view_joins_from_the_left_what_is_hidden(audited: Audited) -> None:
    """As many rows as its reader sees, and the condition of what is joined leaves out none of them."""
    schema = PAY + "revoke select on public.workers from anon;" + LATEST
    [finding] = of_rule(audited(schema.format("false", "monthly")), "views")
    assert (finding.object, finding.severity.word) == ("public.team", "critical")
    assert "alice" in finding.who
    assert told(audited(schema.format("true", "monthly")), "views") == []


TENDERS = """
create table public.bidders (id uuid primary key references auth.users, firm text not null);
create table public.lots (
    id uuid primary key default gen_random_uuid(), seller uuid not null references public.bidders,
    text text not null
);
create table public.offers (
    id uuid primary key default gen_random_uuid(), lot uuid not null references public.lots,
    amount integer not null
);
alter table public.bidders enable row level security;
alter table public.lots enable row level security;
alter table public.offers enable row level security;
create policy "all" on public.lots for select using (true);
create view public.my_offers as
select o.id, o.lot, o.amount from public.offers as o join public.lots as l on l.id = o.lot where {};
revoke all on public.my_offers from anon;
"""


def test_a_view_for_whoever_is_in_a_table_compares_no_row(audited: Audited) -> None:
    """A mere list of those who may see all, to which nothing leads, is something else."""
    anybody = TENDERS.format("exists (select from public.bidders as b where b.id = auth.uid())")
    assert told(audited(anybody), "views") == [("public.my_offers", "medium", ("select",))]
    assert ("public.my_offers", "medium", ("select",)) not in told(
        audited(TENDERS.format("l.seller = auth.uid()")), "views"
    )
    chiefs = "create table public.chiefs (id uuid primary key references auth.users);"
    listed = TENDERS.format("exists (select from public.chiefs as c where c.id = auth.uid())")
    assert told(audited(chiefs + listed), "views") == [("public.my_offers", "low", ("select",))]
