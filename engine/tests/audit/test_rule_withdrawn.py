"""Rows that their owners took back."""

from __future__ import annotations

import pytest

from tests.audit.audit_support import Audited, told

pytestmark = pytest.mark.slow

ADS = """
create table public.ads (
    id integer primary key, seller uuid not null references auth.users, text text not null, {} timestamptz
);
alter table public.ads enable row level security;
create policy "read" on public.ads for select using ({});
"""


def test_rows_that_were_taken_back_are_read(audited: Audited) -> None:
    found = audited(ADS.format("archived_at", "true"))
    assert told(found, "withdrawn") == [("public.ads", "medium", ("select",))]


def test_a_policy_that_asks_hides_them(audited: Audited) -> None:
    assert told(audited(ADS.format("archived_at", "archived_at is null")), "withdrawn") == []


def test_a_name_that_says_nothing_only_ranks_lower(audited: Audited) -> None:
    assert told(audited(ADS.format("boosted_at", "true")), "withdrawn") == [
        ("public.ads", "info", ("select",))
    ]
