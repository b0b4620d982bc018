"""EXPLAIN's JSON and its expressions as values."""

from __future__ import annotations

import pytest

from pgassay.plans.calls import Fault, find_bare_calls, find_fault, read_calls
from pgassay.plans.model import read_plan

DOCUMENT = [
    {
        "Plan": {
            "Node Type": "Limit",
            "Plan Rows": 10,
            "Actual Rows": 10.0,
            "Actual Loops": 1,
            "Shared Hit Blocks": 7,
            "Shared Read Blocks": 2,
            "Plans": [
                {
                    "Node Type": "Index Scan",
                    "Relation Name": "notes",
                    "Index Name": "notes_person_idx",
                    "Plan Rows": 100,
                    "Actual Rows": 10.0,
                    "Actual Loops": 1,
                    "Index Cond": "(person_id = (InitPlan 1).col1)",
                    "Filter": "(body <> ''::text)",
                    "One-Time Filter": "auth.role() IS NULL",
                }
            ],
        }
    }
]


def test_executed_plan_has_nodes_rows_and_buffers() -> None:
    plan = read_plan(DOCUMENT)
    limit, scan = plan.nodes
    assert (plan.buffers, limit.kind, limit.actual) == (9, "Limit", 10)
    assert (scan.relation, scan.index, scan.estimated) == ("notes", "notes_person_idx", 100)
    assert scan.conditions == ("(body <> ''::text)", "(person_id = (InitPlan 1).col1)")


def test_plan_that_was_not_executed_has_neither_rows_nor_buffers() -> None:
    plan = read_plan([{"Plan": {"Node Type": "Result", "Plan Rows": 1}}])
    assert (plan.buffers, plan.root.actual) == (None, None)


@pytest.mark.parametrize(
    ("expression", "calls"),
    [
        ("(user_id = (InitPlan 1).col1)", []),
        ("(user_id = $0)", []),
        ("((a.id = auth.uid()) AND (random() < '0.5'::double precision))", [("auth", "uid"), ("", "random")]),
        ("(auth.role() = 'x(y)'::text)", [("auth", "role")]),
        ('"My Schema"."a ""b"""(id)', [("My Schema", 'a "b"')]),
        ("(NOT (hashed SubPlan 2))", []),
    ],
)
def test_calls_of_an_expression(expression: str, calls: list[tuple[str, str]]) -> None:
    assert [call for call in read_calls(expression) if call[1] not in ("AND", "NOT", "=")] == calls


def test_fault_of_a_function_is_found_by_its_name_as_far_as_it_is_written() -> None:
    functions = {("auth", "uid"): Fault.UNWRAPPED, ("public", "noted"): Fault.VOLATILE}
    assert find_fault(("auth", "uid"), functions) is Fault.UNWRAPPED
    assert find_fault(("", "noted"), functions) is Fault.VOLATILE
    assert find_fault(("private", "noted"), functions) is None


@pytest.mark.parametrize(
    ("expression", "calls"),
    [
        ("(user_id = ( SELECT auth.uid() AS uid))", []),
        ("((user_id = auth.uid()) AND noted(user_id))", [("auth", "uid"), ("", "noted")]),
        ("(EXISTS ( SELECT FROM users u WHERE (u.id = auth.uid())))", [("auth", "uid")]),
        ("(EXISTS ( SELECT FROM users u WHERE (u.id = ( SELECT auth.uid() AS uid))))", []),
    ],
)
def test_calls_of_a_check_are_those_outside_a_select_of_their_own(
    expression: str, calls: list[tuple[str, str]]
) -> None:
    assert list(find_bare_calls(expression)) == calls


@pytest.mark.parametrize(
    ("operation", "conflict", "writes"),
    [("Insert", None, "a"), ("Insert", "NOTHING", "a"), ("Insert", "UPDATE", "aw"), ("Update", None, "w")],
)
def test_node_that_writes_knows_whose_policies_apply(
    operation: str, conflict: str | None, writes: str
) -> None:
    node = {"Node Type": "ModifyTable", "Plan Rows": 1, "Operation": operation}
    plan = read_plan([{"Plan": node | ({"Conflict Resolution": conflict} if conflict else {})}])
    assert plan.root.writes == writes
