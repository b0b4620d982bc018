"""Columns that an INSERT sets and an UPDATE may not."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

ACCOUNTS = """
create table public.accounts (
    id uuid primary key references auth.users, nick text not null, tier text not null default 'free'
);
alter table public.accounts enable row level security;
create policy "see" on public.accounts for select to authenticated using (id = (select auth.uid()));
create policy "begin" on public.accounts for insert to authenticated with check (id = (select auth.uid()));
create policy "edit" on public.accounts for update to authenticated using (id = (select auth.uid()));
create function public.keep() returns trigger language plpgsql as $$
begin
    new.tier := case tg_op when 'INSERT' then 'free' else old.tier end;
    return new;
end $$;
create trigger keep before {} on public.accounts for each row when (current_user = 'authenticated')
execute function public.keep();
"""


def test_a_guard_of_updates_alone_leaves_the_insert_open(audited: Audited) -> None:
    [finding] = of_rule(audited(ACCOUNTS.format("update")), "defaults")
    assert (finding.object, finding.columns, finding.severity.word) == ("public.accounts", ("tier",), "high")
    assert finding.actions == ("insert",)


def test_a_guard_of_both_closes_it(audited: Audited) -> None:
    assert told(audited(ACCOUNTS.format("insert or update")), "defaults") == []


def test_what_users_may_change_anyway_is_no_finding(audited: Audited) -> None:
    assert told(audited(ACCOUNTS.format("delete")), "defaults") == []


def test_a_number_about_oneself_that_is_never_changed_is_a_finding(audited: Audited) -> None:
    schema = """
    create table public.limits (who uuid primary key references auth.users, most integer not null);
    alter table public.limits enable row level security;
    create policy "see" on public.limits for select to authenticated using (who = (select auth.uid()));
    create policy "{}" on public.limits for {} to authenticated {} (who = (select auth.uid()));
    """
    found = audited(schema.format("have", "insert", "with check"))
    assert told(found, "defaults") == [("public.limits", "medium", ("insert",))]
    assert told(audited(schema.format("drop", "delete", "using")), "defaults") == []


def test_values_that_a_policy_chose_are_no_finding(audited: Audited) -> None:
    schema = """
    create type public.stage as enum ('new', 'sent', 'paid');
    create table public.orders (
        id integer generated always as identity primary key,
        buyer uuid not null references auth.users, stage public.stage not null default 'new'
    );
    alter table public.orders enable row level security;
    create policy "see" on public.orders for select to authenticated using (buyer = (select auth.uid()));
    create policy "order" on public.orders for insert to authenticated
    with check (buyer = (select auth.uid()) {});
    """
    assert told(audited(schema.format("")), "defaults") == [("public.orders", "medium", ("insert",))]
    assert told(audited(schema.format("and stage in ('new', 'sent')")), "defaults") == []


WHEN = """
create function public.pass() returns trigger language plpgsql as 'begin return new; end';
create trigger pass after insert on public.cards for each row when (new.nick = 'gone')
execute function public.pass();
"""


@pytest.mark.parametrize(
    ("read", "more", "count"), [("", "", 0), ("and nick <> 'gone'", "", 1), ("", WHEN, 1)]
)
def test_an_empty_text_that_nothing_compares_is_for_its_readers(
    audited: Audited, read: str, more: str, count: int
) -> None:
    schema = f"""
    create table public.cards (
        id integer generated always as identity primary key, owner uuid not null references auth.users,
        nick text not null default ''
    );
    alter table public.cards enable row level security;
    create policy "see" on public.cards for select to authenticated
    using (owner = (select auth.uid()) {read});
    create policy "write" on public.cards for insert to authenticated
    with check (owner = (select auth.uid()));
    {more}
    """
    assert [f.columns for f in of_rule(audited(schema), "defaults")] == [("nick",)] * count


LINES = """
create table public.lines (
    id integer generated always as identity primary key, who uuid not null references auth.users,
    item text not null, pieces integer not null default {} check (pieces >= 0)
);
alter table public.lines enable row level security;
create policy "own" on public.lines for select to authenticated using (who = (select auth.uid()));
create policy "add" on public.lines for insert to authenticated with check (who = (select auth.uid()));
"""


def test_a_quantity_is_for_its_user_to_say(audited: Audited) -> None:
    assert told(audited(LINES.format(1)), "defaults") == []
    assert told(audited(LINES.format(0)), "defaults") == [("public.lines", "medium", ("insert",))]


POEMS = """
create table public.poems (
    id integer generated always as identity primary key, poet uuid not null references auth.users,
    verse text not null, {column}
);
alter table public.poems enable row level security;
create policy "own" on public.poems for select to authenticated using (poet = (select auth.uid()));
create policy "write" on public.poems for insert to authenticated with check (poet = (select auth.uid()));
create policy "all" on public.poems for select using ({shown});
{more}
"""
STAGE = "stage text not null default 'draft'"
EDITS = """
create policy "edit" on public.poems for update to authenticated using (poet = (select auth.uid()));
revoke update on public.poems from anon, authenticated; grant update (verse) on public.poems to authenticated;
"""
PRIZES = """
create function public.prize(which integer) returns boolean language sql stable security definer
set search_path = '' as $$ select p.stage = 'shown' from public.poems as p where p.id = which $$;
"""


@pytest.mark.parametrize(
    ("column", "shown", "more", "severity"),
    [
        (STAGE, "stage = 'shown'", "", "low"),
        ("hidden boolean not null default true", "not hidden", "", "low"),
        (f"{STAGE}, due timestamptz", "stage = 'shown' and due <= now()", "", "low"),
        # Somebody is to decide, an UPDATE may not, or more than who reads it hangs on it.
        ("approved boolean not null default false", "approved", "", "medium"),
        (STAGE.replace("draft", "pending"), "stage = 'shown'", "", "medium"),
        (STAGE, "stage = 'shown'", EDITS, "high"),
        (STAGE, "stage = 'shown'", PRIZES, "medium"),
    ],
)
def test_an_author_publishes_his_own_row_as_he_begins_it(
    audited: Audited, column: str, shown: str, more: str, severity: str
) -> None:
    found = audited(POEMS.format(column=column, shown=shown, more=more))
    assert told(found, "defaults") == [("public.poems", severity, ("insert",))]
