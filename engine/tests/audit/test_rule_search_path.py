"""Definer functions that find their caller's objects, shown with a temporary table."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

NOTES = """
create table public.notes (id integer primary key, who uuid not null references auth.users, body text);
alter table public.notes enable row level security;
create policy "own" on public.notes for all to authenticated using (who = (select auth.uid()));
create function public.count_notes(of_user uuid) returns bigint language sql stable security definer {}
as $$ select count(n.id) from {}notes as n where n.who = of_user $$;
"""


@pytest.mark.parametrize(
    ("pinned", "schema", "severity"),
    [
        ("", "", ["medium"]),
        ("set search_path = public", "", ["low"]),
        ("set search_path = public, pg_temp", "", []),
        ("", "public.", []),
        ("set search_path = ''", "public.", []),
    ],
    ids=["not set", "pg_temp first", "pg_temp last", "qualified", "empty"],
)
def test_a_temporary_table_shows_where_names_are_looked_up(
    audited: Audited, pinned: str, schema: str, severity: list[str]
) -> None:
    found = of_rule(audited(NOTES.format(pinned, schema)), "search-path")
    assert [finding.severity.word for finding in found] == severity
    assert all(finding.repair for finding in found)


def test_a_function_of_a_trigger_is_fired(audited: Audited) -> None:
    schema = (
        NOTES.format("", "public.")
        + """
    create table public.log (n integer);
    alter table public.log enable row level security;
    create function public.note() returns trigger language plpgsql security definer as
    $$ begin update log set n = n + 1; return new; end $$;
    create trigger note after update on public.notes for each row execute function public.note();
    """
    )
    assert told(audited(schema), "search-path") == [("public.note()", "medium", ("execute",))]
