"""Writes through views that show nothing to their owner: what rules do with the owner's rights."""

from __future__ import annotations

import pytest

from pgassay.diff.review import SEARCH_STATEMENTS, review
from tests.diff.diff_support import Tenants

pytestmark = pytest.mark.slow

VIEW = """
create view public.my_documents {} as
select d.id, d.label, d.priority from public.documents as d where d.owner = auth.uid();
revoke all on public.my_documents from anon, authenticated;
grant select, update on public.my_documents to authenticated;
"""
RULE = """
create rule edit as on update to public.my_documents
do instead update public.documents set {} where id = old.id and stage = 'DRAFT';
"""
INVOKER = VIEW.format("with (security_invoker = true)")


def _find(tenants: Tenants, before: str, after: str) -> list[str]:
    sides = tenants.head(before, name="base.sql"), tenants.head(after)
    found = review(tenants.server, *sides, search=SEARCH_STATEMENTS)
    assert found.fault is None
    return [one.message for one in found.difference.gained]


def test_new_view_whose_rule_writes_with_its_owners_rights_is_a_gain(tenants: Tenants) -> None:
    [gain] = _find(tenants, "", INVOKER + RULE.format("label = new.label, priority = new.priority"))
    assert "alice and bob can now UPDATE priority of 1 of the rows of public.my_documents" in gain


def test_rule_that_writes_what_its_caller_may_not_is_a_gain(tenants: Tenants) -> None:
    rules = (
        RULE.format(text) for text in ("label = new.label", "label = new.label, priority = new.priority")
    )
    [gain] = _find(tenants, *(INVOKER + rule for rule in rules))
    assert "public.my_documents with other effects on public.documents" in gain


def test_rule_that_writes_what_he_may_write_himself_is_none(tenants: Tenants) -> None:
    rules = (RULE.format(f"label = {text}") for text in ("new.label", "lower(new.label)"))
    assert _find(tenants, *(INVOKER + rule for rule in rules)) == []


def test_view_with_the_rights_of_its_caller_is_none(tenants: Tenants) -> None:
    assert _find(tenants, "", INVOKER) == []


DRAFTS = INVOKER.replace("auth.uid();", "auth.uid() and d.stage = 'DRAFT';")
EDITED = """
create function private.edit() returns trigger language plpgsql security definer as $$
begin
    update public.documents set label = new.label where id = {}.id;
    return new;
end $$;
create trigger edit instead of update on public.my_documents for each row execute function private.edit();
"""


def test_trigger_that_takes_the_row_that_its_caller_names_is_a_gain(tenants: Tenants) -> None:
    [gain] = _find(tenants, *(DRAFTS + EDITED.format(row) for row in ("old", "new")))
    assert "can now UPDATE id of " in gain
    assert "of the rows of public.my_documents and with it rows of others below" in gain
    assert _find(tenants, *(DRAFTS + EDITED.format(row) for row in ("new", "old"))) == []
