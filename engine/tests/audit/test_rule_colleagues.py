"""Users who change each other's rows."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, told

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
