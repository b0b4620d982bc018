"""Each clause of a contract, kept and broken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pgassay.plans.calls import Fault, Functions, PolicyCheck
from pgassay.plans.checks import find_breaches
from pgassay.plans.model import Contract, Node, Plan, Scans, Sighting

FUNCTIONS: Functions = {("auth", "uid"): Fault.UNWRAPPED, ("pg_catalog", "random"): Fault.VOLATILE}
SCAN = Node(
    kind="Index Scan", relation="notes", index="notes_idx", estimated=10, actual=10, loops=1,
    conditions=("(person_id = (InitPlan 1).col1)",),
)  # fmt: skip
ROOT = Node(kind="Sort", estimated=10, actual=10, loops=1, children=(SCAN,))
CONTRACT = Contract(
    name="notes",
    persona="alice",
    query="select",
    indexes=("notes_idx",),
    buffers=20,
    rows_within=2,
    sorts=True,
)
KEPT = Sighting(
    mode="custom", plan=Plan(root=ROOT, buffers=20), scans=Scans(indexes=frozenset({"notes_idx"}))
)


def with_scan(**changes: Any) -> Sighting:
    root = replace(ROOT, children=(replace(SCAN, **changes),))
    return replace(KEPT, plan=replace(KEPT.plan, root=root), scans=Scans())


def breaches(sighting: Sighting, contract: Contract = CONTRACT) -> tuple[str, ...]:
    return find_breaches(contract, (sighting,), FUNCTIONS)


def test_contract_that_is_kept_has_no_breach() -> None:
    assert breaches(KEPT) == ()


@pytest.mark.parametrize(
    ("sighting", "breach"),
    [
        (with_scan(index="other_idx"), "does not use notes_idx but other_idx"),
        (with_scan(estimated=21), "expects 21 rows of notes and finds 10"),
        (with_scan(estimated=4), "expects 4 rows of notes and finds 10"),
        (
            with_scan(conditions=("(id = auth.uid())",)),
            "calls auth.uid() in a condition of notes: the same for all rows; wrap it in (select …)",
        ),
        (with_scan(conditions=("(random() < 1)",)), "calls random() in a condition of notes: volatile"),
        (replace(KEPT, plan=replace(KEPT.plan, buffers=21)), "touches 21 buffers, more than 20"),
        (replace(KEPT, scans=Scans(whole=frozenset({"people"}))), "reads all of people"),
        (
            replace(KEPT, plan=replace(KEPT.plan, root=replace(ROOT, actual=0))),
            "finds no row in the load",
        ),
    ],
)
def test_breach_is_named(sighting: Sighting, breach: str) -> None:
    assert breaches(sighting) == (breach,)


def test_call_in_the_check_of_a_policy_is_a_breach() -> None:
    check = PolicyCheck(table="notes", policy="own", calls=(("auth", "uid"), ("pg_catalog", "lower")))
    assert breaches(replace(KEPT, checks=(check,))) == (
        'calls auth.uid() in the check of policy "own" on notes: '
        "the same for all rows; wrap it in (select …)",
    )


def test_table_that_may_be_read_whole_is_no_breach() -> None:
    sighting = replace(KEPT, scans=Scans(whole=frozenset({"people"})))
    assert breaches(sighting, replace(CONTRACT, whole=("people",))) == ()


def test_sort_needs_leave() -> None:
    assert breaches(KEPT, replace(CONTRACT, sorts=False)) == ("sorts",)


def test_index_only_scan_is_one_that_does_not_visit_the_table() -> None:
    contract = replace(CONTRACT, index_only=True)
    assert breaches(KEPT, contract) == ("visits the table, though notes_idx holds all it needs",)
    assert breaches(with_scan(kind="Index Only Scan"), contract) == ()


@pytest.mark.parametrize(
    ("updated", "hot", "kept"), [(3, 3, True), (10, 9, True), (3, 2, False), (0, 0, False)]
)
def test_update_is_hot_where_the_agreed_share_of_rows_is(updated: int, hot: int, kept: bool) -> None:
    sighting = replace(KEPT, scans=Scans(updated=updated, hot=hot))
    found = breaches(sighting, replace(CONTRACT, hot=0.9))
    assert found == (() if kept else (f"{hot} of {updated} updated rows are HOT",))


def test_rows_below_a_limit_are_not_compared() -> None:
    limit = Node(kind="Limit", estimated=10, actual=10, loops=1, children=(replace(SCAN, estimated=9000),))
    assert breaches(replace(KEPT, plan=Plan(root=limit, buffers=1))) == ()


def test_breach_of_one_plan_alone_says_which() -> None:
    generic = replace(KEPT, mode="generic", plan=replace(KEPT.plan, buffers=99))
    found = find_breaches(CONTRACT, (KEPT, generic), FUNCTIONS)
    assert found == ("touches 99 buffers, more than 20 (generic plan)",)
