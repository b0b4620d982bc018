"""Doors to tables of which the world has no row at all: what there may be is open, or it is named."""

from __future__ import annotations

import pytest

from pgassay.diff.review import review
from pgassay.errors import ExitCode
from tests.diff.diff_support import Tenants
from tests.diff.test_diff_search import ENOUGH, PLANS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("created", "what"),
    [
        ("table public.tips (id integer)", "1 of the rows of public.tips"),
        (
            "materialized view public.tips as select 1 as id where false",
            "any row of public.tips that there may be",
        ),
    ],
)
def test_grant_on_what_the_world_has_no_row_of(tenants: Tenants, created: str, what: str) -> None:
    tips = f"create {created};\nrevoke all on public.tips from anon, authenticated;\n"
    base = tenants.head(tips, name="base.sql")
    head = tenants.head(f"{tips}grant select on public.tips to anon;\n")
    [gain] = review(tenants.server, base, head, search=ENOUGH).difference.gained
    assert gain.message.startswith(f"anon can now SELECT {what} (was: refused, 42501)")
    assert gain.message.endswith("Found by search. SELECT on public.tips is now granted to anon.")


CLOSED = """
create table public.tips (id integer, who uuid);
create table public.plain (id integer);
alter table public.tips enable row level security;
create policy own on public.tips for select to authenticated using (who = (select auth.uid()));
revoke all on public.tips, public.plain from anon, authenticated;
grant select on public.tips, public.plain to authenticated;
"""


@pytest.mark.parametrize(
    ("change", "gain"),
    [
        (
            "alter table public.tips disable row level security;",
            "alice and bob can now SELECT 1 of the rows of public.tips (was: 0), given a row of public.tips "
            "with who = ",
        ),
        (
            "create table public.more (id integer); revoke all on public.more from anon, authenticated;"
            "grant select on public.more to anon;",
            "anon can now SELECT any row of public.more that there may be (was: not there). Found by search.",
        ),
        (
            "alter policy own on public.tips using (true);",
            "alice and bob can now SELECT 1 of the rows of public.tips (was: 0), given a row of public.tips "
            "with who = ",
        ),
        (
            "alter policy own on public.tips using (true);"
            "create policy ours on public.tips as restrictive to authenticated using (id > 0);",
            "alice and bob can now SELECT 1 of the rows of public.tips (was: 0), given a row of public.tips "
            "with id = ",
        ),
        (
            "alter policy own on public.tips using (true);"
            "create policy ours on public.tips as restrictive to authenticated using (false);",
            "",
        ),
        ("alter policy own on public.tips to anon using (true);", ""),
        ("alter table public.plain add column name text;", ""),
        (
            "alter table public.tips disable row level security;"
            "revoke select on public.tips from authenticated;",
            "",
        ),
    ],
    ids=[
        *("switched off", "never on", "shows all", "restricted", "shut", "another role", "open before"),
        "no grant",
    ],
)
def test_guard_that_is_gone_opens_what_the_world_has_no_row_of(
    tenants: Tenants, change: str, gain: str
) -> None:
    base = tenants.head(CLOSED, name="base.sql")
    found = review(tenants.server, base, tenants.head(f"{CLOSED}{change}\n"), search=ENOUGH)
    messages = [one.message for one in found.difference.gained]
    assert [one[: len(gain)] for one in messages] == ([gain] if gain else [])
    assert found.exit_code is (ExitCode.SCHEMA_PROBLEM if gain else ExitCode.GOOD)


def test_change_of_a_table_without_rows_is_named(tenants: Tenants) -> None:
    tips = PLANS.format(unique="", second="large").replace("insert into public.plans", "-- ")
    base = tenants.head(tips, name="base.sql")
    head = tenants.head(f'{tips}alter policy "for sale" on public.plans using (true);\n')
    found = review(tenants.server, base, head, search=ENOUGH)
    assert found.remarks == ("public.plans was searched without its rows: there are none.",)
