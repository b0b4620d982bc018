"""Users who change each other's rows."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

STAFF = """
create table public.staff (
    id uuid primary key references auth.users, branch integer not null, job text not null
);
create function public.branch_of_caller() returns integer
language sql stable security definer set search_path = ''
as $$ select s.branch from public.staff as s where s.id = auth.uid() $$;
alter table public.staff enable row level security;
create policy "read" on public.staff for select to authenticated
using (branch = (select public.branch_of_caller()));
create policy "edit" on public.staff for update to authenticated using ({});
"""


def test_the_same_branch_is_enough(audited: Audited) -> None:
    found = audited(STAFF.format("branch = (select public.branch_of_caller())"))
    assert told(found, "colleagues") == [("public.staff", "medium", ("update",))]


def test_ones_own_row_is_no_finding(audited: Audited) -> None:
    assert told(audited(STAFF.format("id = (select auth.uid())")), "colleagues") == []


def test_columns_that_were_granted_one_by_one_are_meant_unless_something_asks_for_them(
    audited: Audited,
) -> None:
    schema = STAFF.format("branch = (select public.branch_of_caller())")
    schema += "revoke update on public.staff from anon, authenticated;"
    for columns, severity in (("job", "low"), ("job, branch", "medium")):
        found = audited(f"{schema} grant update ({columns}) on public.staff to authenticated;")
        assert told(found, "colleagues") == [("public.staff", severity, ("update",))]


LETTERS = """
create table public.letters (
    id integer generated always as identity primary key, writer uuid not null references auth.users,
    reader uuid not null references auth.users, text text not null, seen timestamptz
);
alter table public.letters enable row level security;
create policy "read" on public.letters for select to authenticated
using ((select auth.uid()) in (writer, reader));
create policy "write" on public.letters for insert to authenticated with check (writer = (select auth.uid()));
create policy "seen" on public.letters for update to authenticated using (reader = (select auth.uid()));
"""


def test_who_gets_a_letter_does_not_write_it(audited: Audited) -> None:
    [finding] = of_rule(audited(LETTERS), "colleagues")
    assert (finding.severity.word, finding.columns) == ("medium", ("text",))
    assert finding.repair is not None
    assert finding.repair.statements[1] == "grant update (id, seen) on public.letters to authenticated"
    seen = "revoke update on public.letters from anon, authenticated;"
    seen += "grant update (seen) on public.letters to authenticated;"
    assert told(audited(LETTERS + seen), "colleagues") == []
