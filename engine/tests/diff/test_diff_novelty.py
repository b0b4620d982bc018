"""What BASE lacks is new; a gain only where it crosses ownership, can be written, or does what none could."""

from __future__ import annotations

import pytest

from pgassay.diff.review import review
from pgassay.errors import ExitCode
from tests.diff.diff_support import Tenants

ME = """
create function public.me() returns uuid language sql stable set search_path = '' as $$ select auth.uid() $$;
grant execute on function public.me() to authenticated;
"""
FIRST = "select d.owner from public.documents as d order by d.id limit 1"
HIDDEN_FIRST = f"""
create function private.first() returns uuid language sql security definer as $$ {FIRST} $$;
grant usage on schema private to authenticated;
"""
RUN = "create function public.run(what text) returns void language plpgsql as $$ begin execute what; end $$;"
LIVE = """
create function public.is_known() returns boolean language sql stable security definer set search_path = ''
as $$ select exists (select from public.members as m where m.user_id = auth.uid()) $$;
grant execute on function public.is_known() to authenticated;
"""
ASKED = """
create policy "known" on public.documents as restrictive for select to authenticated
using ((select public.is_known()));
"""
BACKEND_COLUMN = """
alter table public.documents add column archived boolean;
revoke select on public.documents from authenticated;
grant select (id, owner, tenant, stage, priority, label, pages) on public.documents to authenticated;
"""
NOTES = """
create table public.notes (id integer primary key, owner uuid not null);
insert into public.notes values (1, 'a11ce000-0000-4000-8000-000000000001');
alter table public.notes enable row level security;
create policy own on public.notes for select using (owner = auth.uid());
revoke all on public.notes from anon, authenticated;
grant select on public.notes to authenticated;
"""


@pytest.mark.parametrize(
    "change",
    [
        ME,
        f'{ME}alter policy "owners see" on public.documents using (owner = (select public.me()));',
        f"{LIVE}{ASKED}",
        "alter table public.members add column nickname text;",
        BACKEND_COLUMN,
        NOTES,
    ],
    ids=[
        "function",
        "function in a policy",
        "yes of a policy",
        "own column",
        "column of nobody's",
        "own rows of a new table",
    ],
)
def test_what_opens_nothing_is_no_gain(tenants: Tenants, change: str) -> None:
    found = tenants.review(tenants.head(change), search=4000)
    assert [one.message for one in found.difference.gained] == []
    assert found.exit_code is ExitCode.GOOD


@pytest.mark.parametrize(
    ("change", "gain"),
    [
        (
            'alter policy "members see themselves" on public.members using (true);'
            "alter table public.members add column phone text;",
            "SELECT phone of other people's rows of public.members (new column)",
        ),
        (
            "alter table public.documents add column paid boolean;"
            "grant update (paid) on public.documents to authenticated;",
            "UPDATE paid of their own rows of public.documents (new column)",
        ),
        (ME.replace("stable", "security definer").replace("select auth.uid()", FIRST), "EXECUTE public.me()"),
        (HIDDEN_FIRST + ME.replace("auth.uid()", "private.first()"), "EXECUTE public.me()"),
        (LIVE, "EXECUTE public.is_known()"),
        (RUN, "EXECUTE public.run(text)"),
        (NOTES.replace("owner = auth.uid()", "true"), "other people's rows of public.notes (new object)"),
    ],
    ids=[
        "another's column",
        "column to write",
        "definer",
        "caller of a definer",
        "yes that no policy asks",
        "any SQL",
        "another's rows",
    ],
)
def test_what_is_new_and_opens_something_is_a_gain(tenants: Tenants, change: str, gain: str) -> None:
    found = tenants.review(tenants.head(change))
    assert any(gain in one.message for one in found.difference.gained), found.difference.gained
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


def test_view_that_no_longer_says_whose_its_rows_are_is_no_gain(tenants: Tenants) -> None:
    found = tenants.review(tenants.head(old="select d.id, d.owner, d.label", new="select d.id, d.label"))
    assert [one.message for one in found.difference.gained] == []
    assert "column public.titles.owner" in found.difference.dropped


COUNTED = """
create function public.{}() returns bigint language sql security definer set search_path = ''
as 'select count(*) from public.members';
revoke all on function public.{}() from public, anon, authenticated;
grant execute on function public.{}() to {};
"""


@pytest.mark.parametrize(("people", "gains"), [("authenticated", 0), ("anon, authenticated", 1)])
def test_function_of_another_name_is_what_it_was_to_whoever_could_call_it(
    tenants: Tenants, people: str, gains: int
) -> None:
    base = tenants.head(COUNTED.format(*["counted"] * 3, "authenticated"), name="base.sql")
    head = tenants.head(COUNTED.format(*["number"] * 3, people))
    found = review(tenants.server, base, head).difference
    assert [one.message.split(" can ")[0] for one in found.gained] == ["anon"] * gains
    assert any("EXECUTE public.number()" in one.message for one in found.new)


OWN_VIEW = """
create view public.stages with (security_invoker = true) as
select d.id, d.owner, d.stage{} from public.documents as d;
revoke all on public.stages from anon, authenticated;
grant select on public.stages to authenticated;
"""
TELLER = """
create function private.everybody() returns bigint language sql security definer as
'select count(*) from public.members';
grant usage on schema private to authenticated;
grant execute on function private.everybody() to authenticated;
"""


def test_view_with_the_rights_of_its_caller_is_new_and_no_gain(tenants: Tenants) -> None:
    base = tenants.head(OWN_VIEW.format(""), name="base.sql")
    found = tenants.review(base).difference
    assert (found.gained, bool(found.new)) == ((), True)
    wider = tenants.head(OWN_VIEW.format(", d.label"))
    assert review(tenants.server, base, wider, search=0).difference.gained == ()
    leaking = tenants.head(TELLER + OWN_VIEW.format(", private.everybody() as people"))
    assert review(tenants.server, base, leaking, search=0).difference.gained
