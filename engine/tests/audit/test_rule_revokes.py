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


NEIGHBOURS = """
create table public.neighbours (
    id uuid primary key references auth.users, nick text not null, phone text,
    level integer not null default 0
);
alter table public.neighbours enable row level security;
create policy "see" on public.neighbours for select to authenticated using ({seen});
create policy "edit" on public.neighbours for update to authenticated using (id = (select auth.uid()));
create policy "join" on public.neighbours for insert to authenticated with check (id = (select auth.uid()));
"""
OPEN, OWN = NEIGHBOURS.format(seen="true"), NEIGHBOURS.format(seen="id = (select auth.uid())")
NARROW = "grant {} on public.neighbours to authenticated;"


@pytest.mark.parametrize("before", ["", "revoke all on public.neighbours from public;"])
def test_columns_beside_which_the_whole_is_open(audited: Audited, before: str) -> None:
    [finding] = of_rule(audited(OPEN + before + NARROW.format("select (id, nick)")), "revokes")
    assert (finding.columns, finding.actions, finding.who) == (
        ("phone", "level"),
        ("select",),
        ("alice", "bob"),
    )
    assert finding.severity.word == "high"


def test_columns_to_write_beside_which_all_are(audited: Audited) -> None:
    block = f"do $$ begin {NARROW.format('update (nick, phone), insert (id, nick, phone)')} end $$;"
    [finding] = of_rule(audited(OWN + block), "revokes")
    assert (finding.columns, finding.actions) == (("level",), ("update", "insert"))
    assert finding.severity.word == "medium"


TAKEN_BACK = """
create function public.keep() returns trigger language plpgsql as $$
begin
    new.level := case tg_op when 'UPDATE' then old.level else 0 end;
    return new;
end $$;
create trigger keep before insert or update on public.neighbours for each row execute function public.keep();
"""


@pytest.mark.parametrize(
    "schema",
    [
        OPEN
        + "revoke all on public.neighbours from public, anon, authenticated;"
        + NARROW.format("select (id, nick)"),
        OPEN + NARROW.format("select (id, nick, phone, level)"),
        OPEN + NARROW.format("select (id, nick)") + NARROW.format("select"),
        OPEN + "grant select (id, nick) on public.neighbours to service_role;",
        OWN + NARROW.format("select (id, nick)"),
        OWN + TAKEN_BACK + NARROW.format("update (nick, phone), insert (id, nick, phone)"),
    ],
)
def test_columns_that_are_all_that_is_open(audited: Audited, schema: str) -> None:
    assert told(audited(schema), "revokes") == []
