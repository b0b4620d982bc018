"""Strangers who write and read what is not theirs."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, of_rule, told

pytestmark = pytest.mark.slow

RECIPES = """
create table public.recipes (
    id integer primary key, cook uuid not null references auth.users, text text not null
);
alter table public.recipes enable row level security;
create policy "cooks" on public.recipes for all to authenticated using (cook = (select auth.uid()));
"""
OPEN = RECIPES + 'create policy "sync" on public.recipes for update using (true);\n'
READ = RECIPES + 'create policy "all read" on public.recipes for select using (true);\n'


def test_a_policy_that_lets_anyone_change_every_row_is_critical(audited: Audited) -> None:
    found = audited(OPEN + 'create policy "read" on public.recipes for select using (true);')
    [finding] = of_rule(found, "strangers")
    assert (finding.object, finding.severity.word) == ("public.recipes", "critical")
    assert finding.actions == ("update",)
    assert finding.who == ("anon", "alice", "bob")
    assert '"sync"' in finding.sentence
    assert finding.place is not None
    assert finding.place.line == 7
    # Scoped as the sibling is.
    assert finding.repair is not None
    assert finding.repair.statements[0].startswith("alter policy sync on public.recipes using (")


def test_what_is_scoped_to_owners_is_no_finding(audited: Audited) -> None:
    assert told(audited(RECIPES), "strangers") == []


def test_reading_what_a_policy_opens_to_all_is_only_to_know(audited: Audited) -> None:
    assert told(audited(READ), "strangers") == [("public.recipes", "info", ("select",))]


def test_a_table_without_row_level_security_is_critical_and_enabling_it_closes_it(audited: Audited) -> None:
    schema = "create table public.hits (id integer primary key, path text not null);"
    [finding] = of_rule(audited(schema), "strangers")
    assert finding.severity.word == "critical"
    assert finding.repair is not None
    assert finding.repair.statements == ("alter table public.hits enable row level security",)
    assert told(audited(f"{schema} alter table public.hits enable row level security;"), "strangers") == []


def test_a_contact_form_is_low(audited: Audited) -> None:
    schema = """
    create table public.messages (id integer generated always as identity primary key, text text not null);
    alter table public.messages enable row level security;
    create policy "anyone writes to us" on public.messages for insert with check (true);
    """
    assert told(audited(schema), "strangers") == [("public.messages", "low", ("insert",))]


def test_rows_inserted_in_the_name_of_others_are_a_finding(audited: Audited) -> None:
    schema = """
    create table public.entries (
        id bigint generated always as identity primary key,
        author uuid not null references auth.users, text text not null
    );
    alter table public.entries enable row level security;
    create policy "log" on public.entries for insert to authenticated with check ({});
    """
    assert told(audited(schema.format("true")), "strangers") == [("public.entries", "high", ("insert",))]
    assert told(audited(schema.format("author = (select auth.uid())")), "strangers") == []


def test_a_repair_closes_all_that_the_finding_says(audited: Audited) -> None:
    schema = RECIPES + (
        'create policy "sync" on public.recipes for update using (true);\n'
        'create policy "clean" on public.recipes for delete using (true);\n'
        'create policy "read" on public.recipes for select using (true);\n'
    )
    [finding] = of_rule(audited(schema), "strangers")
    assert finding.actions == ("update", "delete")
    assert finding.repair is not None
    assert len(finding.repair.statements) == 2
