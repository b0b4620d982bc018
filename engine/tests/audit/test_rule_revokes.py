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


MEMBERS = """
create table public.members (
    id uuid primary key references auth.users, nick text not null, coins integer not null default 0
);
alter table public.members enable row level security;
create policy "see" on public.members for select to authenticated using (id = (select auth.uid()));
create policy "edit" on public.members for update to authenticated using (id = (select auth.uid()));
{taken};
grant update (nick) on table public.members to authenticated;
{again};
"""
REVOKED = "revoke insert, update, delete on public.members from anon, authenticated"
ALL = "grant all on all tables in schema public to anon, authenticated, service_role"


@pytest.mark.parametrize(
    "taken", [REVOKED, "revoke all on public.members from public, anon, authenticated",
              "revoke all on all tables in schema public from anon, authenticated"]
)  # fmt: skip
def test_a_grant_on_all_tables_brings_back_what_was_revoked(audited: Audited, taken: str) -> None:
    [finding] = of_rule(audited(MEMBERS.format(taken=taken, again=ALL)), "revokes")
    assert (finding.object, finding.columns, finding.actions[0]) == ("public.members", ("coins",), "update")
    assert (finding.who, finding.severity.word) == (("alice", "bob"), "high")


@pytest.mark.parametrize(
    "again",
    [
        "grant select on all tables in schema public to anon, authenticated",
        f"{ALL}; {REVOKED}; grant update (nick) on public.members to authenticated",
        "grant all on all tables in schema public to service_role",
        "grant all on all tables in schema auth to service_role",
    ],
)
def test_a_grant_that_brings_nothing_back(audited: Audited, again: str) -> None:
    assert told(audited(MEMBERS.format(taken=REVOKED, again=again)), "revokes") == []


def test_what_was_taken_from_public_was_not_the_roles(audited: Audited) -> None:
    taken = f"revoke all on public.members from public; {REVOKED}"
    again = "grant select on all tables in schema public to anon, authenticated"
    assert told(audited(MEMBERS.format(taken=taken, again=again)), "revokes") == []
