"""Revokes that took nothing away."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

PEOPLE = """
create table public.people (id integer primary key, name text not null, pin text not null);
alter table public.people enable row level security;
create policy "all" on public.people for select using (true);
"""


def test_a_column_that_the_grant_of_the_table_covers(audited: Audited) -> None:
    [finding] = of_rule(
        audited(PEOPLE + "revoke select (pin) on public.people from anon, authenticated;"), "revokes"
    )
    assert (finding.object, finding.columns, finding.severity.word) == ("public.people", ("pin",), "high")
    assert finding.who == ("anon", "alice", "bob")


def test_a_column_that_is_granted_no_more(audited: Audited) -> None:
    closed = """
    revoke select on public.people from anon, authenticated;
    grant select (id, name) on public.people to anon;
    """
    assert told(audited(PEOPLE + closed), "revokes") == []


def test_a_function_that_default_privileges_had_granted(audited: Audited) -> None:
    function = "create function public.refresh() returns integer language sql as $$ select 1 $$;"
    kept = f"{function} revoke execute on function public.refresh() from public;"
    gone = f"{function} revoke execute on function public.refresh() from public, anon, authenticated;"
    meant = f"{function} revoke execute on function public.refresh() from public, anon;"
    assert told(audited(kept), "revokes") == [("public.refresh", "medium", ("execute",))]
    definer = kept.replace("language sql", "language sql security definer")
    assert told(audited(definer), "revokes") == [("public.refresh", "high", ("execute",))]
    assert told(audited(gone), "revokes") == []
    assert told(audited(meant), "revokes") == []
