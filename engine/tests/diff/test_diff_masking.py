"""A trigger that refuses sooner than a policy: who gained by it is found out by trying without it."""

from __future__ import annotations

from pgassay.diff.difference import AccessChange
from pgassay.diff.review import review
from pgassay.errors import ExitCode
from tests.diff.diff_support import Tenants

FROZEN = """
create function private.freeze() returns trigger language plpgsql as
'begin raise exception ''frozen'' using errcode = ''PT423''; end';
create trigger frozen before update on public.documents
for each statement execute function private.freeze();
"""
OPENED = """
alter policy "owners see" on public.documents using (true);
alter policy "owners edit" on public.documents using (true);
"""
DEED = "UPDATE label and stage to DRAFT, PUBLISHED or REVIEW of other people's rows of public.documents"


def about_others(changes: tuple[AccessChange, ...]) -> list[str]:
    return [
        change.message
        for change in changes
        if "UPDATE" in change.message and "other people" in change.message
    ]


def test_trigger_before_a_policy_that_still_refuses_is_a_change_and_no_gain(tenants: Tenants) -> None:
    found = tenants.review(tenants.head(FROZEN))
    assert found.difference.gained == ()
    assert about_others(found.difference.changed) == [
        f"alice and bob: {DEED}: rejected PT423 (was: filtered). The triggers aside, still filtered. "
        'Trigger "frozen" on public.documents is new.'
    ]
    assert found.difference.lost != ()
    assert found.exit_code is ExitCode.GOOD


def test_trigger_in_place_of_a_policy_is_a_gain(tenants: Tenants) -> None:
    found = tenants.review(tenants.head(FROZEN + OPENED))
    [gain] = about_others(found.difference.gained)
    assert gain.startswith(
        f"alice and bob may now try to {DEED} (was: filtered). "
        "No privilege and no policy refuses any more, only this: PT423"
    )
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM


def test_trigger_that_no_longer_speaks_before_the_policy_is_a_change_and_no_loss(tenants: Tenants) -> None:
    found = review(tenants.server, tenants.head(FROZEN), tenants.base, search=0)
    assert about_others(found.difference.gained) == about_others(found.difference.lost) == []
    assert about_others(found.difference.changed) == [
        f"alice and bob: {DEED}: filtered (was: rejected PT423). The triggers aside, filtered already. "
        'Trigger "frozen" on public.documents was dropped.'
    ]


def test_policy_in_place_of_a_trigger_is_a_loss(tenants: Tenants) -> None:
    found = review(tenants.server, tenants.head(FROZEN + OPENED), tenants.base, search=0)
    assert [message for message in about_others(found.difference.lost) if DEED in message] != []
    assert about_others(found.difference.changed) == []
