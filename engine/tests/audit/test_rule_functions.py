"""Functions that give or write what direct statements do not."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

BILLS = """
create table public.bills (
    id integer primary key, payer uuid not null references auth.users, text text not null, gone_at timestamptz
);
alter table public.bills enable row level security;
create policy "own" on public.bills for select to authenticated
using (payer = (select auth.uid()) and gone_at is null);
create function public.bill(wanted integer) returns table (text text)
language sql stable security definer set search_path = ''
as $$ select b.text from public.bills as b where b.id = wanted {} $$;
"""
FINES = """
create table public.fines (id integer primary key, amount integer not null);
alter table public.fines enable row level security;
create function public.set_fine(fine integer, new_amount integer) returns void
language {} security definer set search_path = '' as $$ {} $$;
"""


def test_a_function_that_does_not_ask_who_calls_tells_of_others(audited: Audited) -> None:
    [finding] = of_rule(audited(BILLS.format("")), "functions")
    assert (finding.object, finding.severity.word) == ("public.bill(integer)", "critical")
    assert finding.who == ("anon", "alice", "bob")


def test_a_function_that_forgets_a_condition_of_the_policy_tells_of_hidden_own_rows(audited: Audited) -> None:
    found = audited(BILLS.format("and b.payer = auth.uid()"))
    assert told(found, "functions") == [("public.bill(integer)", "medium", ("execute",))]


def test_a_function_with_the_conditions_of_the_policy_tells_nothing(audited: Audited) -> None:
    assert told(audited(BILLS.format("and b.payer = auth.uid() and b.gone_at is null")), "functions") == []


def test_a_function_that_anyone_writes_through_is_critical(audited: Audited) -> None:
    open_ = FINES.format("sql", "update public.fines set amount = new_amount where id = fine")
    assert told(audited(open_), "functions") == [
        ("public.set_fine(integer, integer)", "critical", ("execute",))
    ]
    closed = f"{open_} revoke execute on function public.set_fine from public, anon, authenticated;"
    assert told(audited(closed), "functions") == []


def test_a_function_with_brackets_in_its_name_is_called(audited: Audited) -> None:
    odd = BILLS.format("").replace("public.bill(wanted", 'public."bill (1)"(wanted')
    assert told(audited(odd), "functions") == [('public."bill (1)"(integer)', "critical", ("execute",))]


def test_a_helper_of_policies_may_tell_what_no_select_shows(audited: Audited) -> None:
    schema = """
    create table public.seats (room integer, who uuid references auth.users, primary key (room, who));
    create table public.rooms (id integer primary key, name text not null);
    create function public.my_rooms() returns setof integer
    language sql stable security definer set search_path = ''
    as $$ select s.room from public.seats as s where s.who = auth.uid() $$;
    alter table public.seats enable row level security;
    alter table public.rooms enable row level security;
    create policy "see" on public.rooms for select to authenticated using (id in (select public.my_rooms()));
    """
    assert told(audited(schema), "functions") == []
