"""What a change cannot have to do with is not asked, and would not answer otherwise if it were."""

from __future__ import annotations

import pytest

from pgassay.database import read_script
from pgassay.diff.loaded import read_inventories
from pgassay.diff.review import review
from pgassay.diff.touched import Evidence, find_touched
from tests.diff.diff_support import Tenants

COUNTED = """
create table public.visits (id integer primary key, place text not null);
insert into public.visits values (1, 'here');
grant select, insert, update, delete on public.visits to authenticated;
alter table public.visits enable row level security;
create policy "all" on public.visits to authenticated using (true);
create function private.count_visits(text text) returns bigint language sql stable security definer
as $$ select count(*) from public.visits where place = text $$;
create function public.visits_here() returns bigint language sql stable
as $$ select private.count_visits('here') $$;
create view public.places with (security_invoker) as select distinct place from public.visits;
grant select on public.places to authenticated;
"""
CLOSE = 'alter policy "all" on public.visits using (id = 1);'
COUNT_OTHERWISE = """create or replace function private.count_visits(text text) returns bigint
language sql stable security definer as $$ select count(*) + 1 from public.visits where place = text $$;
"""
TOUCH = """create function private.touch() returns trigger language plpgsql as $$
begin return new; end $$;
"""
DYNAMIC = """create function public.any_count(name text) returns bigint language plpgsql stable as $$
declare number bigint;
begin execute format('select count(*) from %s', name) into number; return number; end $$;
create view public.counted with (security_invoker) as select public.any_count('public.visits') as number;
"""


def touched(tenants: Tenants, before: str, after: str) -> frozenset[str] | None:
    base, head = tenants.head(f"{before}\n", name="base.sql"), tenants.head(f"{after}\n")
    (_, one), (_, other) = (read_inventories(tenants.server, side) for side in (base, head))
    scripts = [[read_script(path) for path in side.config.schema] for side in (base, head)]
    return find_touched(Evidence(base=one, head=other, before=scripts[0], after=scripts[1]))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("comment on table public.visits is 'Who was where';", set()),
        ("-- nothing", set()),
        (CLOSE, {"public.visits", "public.places"}),
        ("revoke insert on public.visits from authenticated;", {"public.visits", "public.places"}),
        (COUNT_OTHERWISE, {"private.count_visits(text)", "public.visits_here()"}),
        (
            "create or replace view public.places with (security_invoker)"
            " as select distinct lower(place) as place from public.visits;",
            {"public.places"},
        ),
    ],
    ids=["comment", "nothing", "policy", "grant", "function", "view"],
)
def test_objects_that_use_what_changed_are_asked(tenants: Tenants, change: str, names: set[str]) -> None:
    found = touched(tenants, COUNTED, COUNTED + change)
    assert found is not None
    assert {name for name in found if name.startswith(("public.", "private."))} == names


def test_statements_are_found_behind_letters_of_several_bytes(tenants: Tenants) -> None:
    rows = "insert into public.visits values (2, 'there');"
    same = touched(tenants, f"-- ✓✓✓\n{COUNTED}", f"-- ✓✓✓✓✓\n{COUNTED}")
    more = touched(tenants, f"-- ✓✓✓\n{COUNTED}", f"-- ✓✓✓\n{COUNTED}{rows}")
    assert (same, more) == (frozenset(), None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "insert into public.visits values (2, 'there');"),
        ("", "do $$ begin update public.visits set place = 'there'; end $$;"),
        ("", "alter table public.visits add column seen boolean not null default true;"),
        ("", "create table public.more (id integer);"),
        (
            "",
            "create trigger t before update on public.visits for each row execute function private.touch();",
        ),
        ("select private.count_visits('here');", f"select private.count_visits('here'); {COUNT_OTHERWISE}"),
        (
            "alter table public.visits add check (private.count_visits(place) < 9);",
            f"alter table public.visits add check (private.count_visits(place) < 9); {COUNT_OTHERWISE}",
        ),
        ("set role authenticated;", f"set role authenticated; reset role; {CLOSE}"),
    ],
    ids=["rows", "do", "column", "table", "trigger", "function at loading", "function of a check", "role"],
)
def test_all_is_asked_where_rows_may_be_others(tenants: Tenants, before: str, after: str) -> None:
    touch = (
        "create function private.touch() returns trigger language plpgsql as $$ begin return new; end $$;\n"
    )
    assert touched(tenants, COUNTED + touch + before, COUNTED + touch + after) is None


def test_function_that_runs_text_may_use_whatever_changed(tenants: Tenants) -> None:
    found = touched(tenants, COUNTED + DYNAMIC, COUNTED + DYNAMIC + CLOSE)
    assert found is not None
    assert {"public.any_count(text)", "public.counted"} < found


@pytest.mark.parametrize(
    "change",
    [
        CLOSE,
        "alter table public.visits disable row level security;",
        "revoke select on public.visits, public.places from anon;",
        COUNT_OTHERWISE,
        'alter policy "owners see" on public.documents using (true);',
    ],
)
def test_what_is_not_asked_would_answer_alike(tenants: Tenants, change: str) -> None:
    base, head = tenants.head(COUNTED, name="base.sql"), tenants.head(f"{COUNTED}{change}\n")
    part, whole = (review(tenants.server, base, head, search=0, whole=one) for one in (False, True))
    assert part.probes < whole.probes
    assert part.difference == whole.difference


def test_nothing_is_asked_where_nothing_differs(tenants: Tenants) -> None:
    found = tenants.review(tenants.head("-- a remark\n"))
    assert (found.probes, found.difference.entries) == (0, ())
