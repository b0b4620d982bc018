"""Conditions of policies, made true and not true; the server says whether they are."""

from __future__ import annotations

import pytest

from pgassay.catalog.model import Function
from pgassay.observation import Persona
from pgassay.solver.functions import read_result
from pgassay.solver.model import Goal, Reached, Reason, Source, Truth, Unreached
from pgassay.solver.solver import Solver

PAPERS = "public.papers"
NAMES = [
    *(
        "column",
        "exists",
        "in",
        "helper",
        "set",
        "set in from",
        "table of a helper",
        "columns of a helper",
        "own arguments",
        "using",
        "helper value",
        "helper branches",
        "text of a helper",
        "text of a set",
        "array of a helper",
        "view",
    ),
    *(
        "join",
        "with",
        "not exists",
        "scalar",
        "count",
        "any of",
        "different",
        "between",
        "arithmetic",
        "null",
    ),
    *("coalesced", "case", "like", "unlike", "pattern", "lower", "part", "joined", "length", "document"),
    *(
        "deep document",
        "contains",
        "key",
        "element",
        "folder",
        "old",
        "year",
        "age",
        "id",
        "generated",
        "domain",
    ),
    *(
        "joined in order",
        "place in an array",
        "list in a text",
        "parts of a text",
        "first of a document",
        "element of a document",
        "record of a document",
        "elements of a claim",
        "records of a claim",
        "bits",
        "remainder",
        "moment in a range",
        "own moment in a range",
        "bounds of a range",
    ),
    *(
        "what a check lets be null",
        "what may fail",
        "closed schema",
        "counted in a case",
        "document in a text",
    ),
    *("element of an array", "listed values", "age so far", "years so far", "joined with a sign"),
    *("claim", "claim of a helper", "distinct", "truth", "row", "both", "whole row", "whole row of a body"),
]


def condition(solver: Solver, name: str) -> Goal:
    [found] = [one for one in solver.conditions(PAPERS) if one.name == name and one.source is Source.USING]
    return Goal(condition=found)


@pytest.mark.parametrize("name", NAMES)
def test_condition_is_reached_both_ways(solver: Solver, alice: Persona, name: str) -> None:
    goal = condition(solver, name)
    for wanted in (Truth.TRUE, Truth.NOT_TRUE):
        found = solver.reach(
            Goal(condition=goal.condition, wanted=wanted), alice, purpose=f"{wanted}", free_claims=True
        )
        assert isinstance(found, Reached), str(found)
        assert found.row is not None


@pytest.mark.parametrize("name", ["word", "two unknowns", "header"])
def test_what_the_request_or_a_check_knows_counts(solver: Solver, alice: Persona, name: str) -> None:
    [found] = [one for one in solver.conditions("public.notes") if one.name == name]
    for wanted in (Truth.TRUE, Truth.NOT_TRUE):
        reached = solver.reach(Goal(condition=found, wanted=wanted), alice, free_claims=True)
        assert isinstance(reached, Reached), str(reached)


def test_a_row_that_must_be_there_can_be_one_that_is_not_found(solver: Solver, alice: Persona) -> None:
    [found] = solver.conditions("public.seats")
    reached = solver.reach(Goal(condition=found, wanted=Truth.NOT_TRUE), alice)
    assert isinstance(reached, Reached), str(reached)
    assert [made.values["closed"] for made in reached.made if made.table == "public.halls"] == ["true"]


def test_settings_of_the_request_are_told(solver: Solver, alice: Persona) -> None:
    [found] = [one for one in solver.conditions("public.notes") if one.name == "header"]
    reached = solver.reach(Goal(condition=found), alice)
    assert isinstance(reached, Reached)
    assert reached.settings == {"request.headers": '{"x-key": "open"}'}


def test_every_policy_of_the_society_has_its_case(solver: Solver) -> None:
    assert {one.name for one in solver.conditions(PAPERS) if one.source is Source.USING} == {
        *NAMES,
        "opaque",
        "unknown text",
    }


@pytest.mark.parametrize("number", range(5))
def test_each_atom_decides_the_whole(solver: Solver, alice: Persona, number: int) -> None:
    goal = condition(solver, "both")
    atom = solver.atoms(goal.condition)[number]
    wholes = []
    for wanted in (Truth.TRUE, Truth.NOT_TRUE):
        found = solver.reach(
            Goal(condition=goal.condition, wanted=wanted, atom=atom), alice, purpose=str(wanted)
        )
        assert isinstance(found, Reached), str(found)
        assert found.row is not None
        wholes.append(solver.judge_one(goal.condition, alice, found.row.values).truth)
    assert len(set(wholes)) == 2


def test_rows_that_others_may_not_see_are_seen_by_policies_of_the_request_only(
    solver: Solver, alice: Persona, bob: Persona
) -> None:
    goal = condition(solver, "exists")
    found = solver.reach(goal, alice)
    assert isinstance(found, Reached)
    assert found.row is not None
    assert [made.table for made in found.made if made.table == "public.members"]
    assert solver.judge(goal.condition, alice, found.row.values) == (Truth.TRUE,)
    assert solver.judge(goal.condition, bob, found.row.values) == (Truth.FALSE,)


def test_claims_are_left_alone_unless_they_are_free(solver: Solver, alice: Persona) -> None:
    goal = condition(solver, "claim")
    kept = solver.reach(goal, alice)
    assert isinstance(kept, Unreached)
    assert (kept.reason, kept.what) == (Reason.CLAIMS, "the claim app_metadata.role")
    found = solver.reach(goal, alice, free_claims=True)
    assert isinstance(found, Reached)
    assert found.claims == {"app_metadata": {"role": "admin"}}


@pytest.mark.parametrize(
    ("name", "wanted", "function"),
    [("opaque", Truth.NOT_TRUE, "is_sound()"), ("unknown text", Truth.TRUE, "counted()")],
)
def test_an_opaque_function_is_run_and_not_guessed(
    solver: Solver, alice: Persona, name: str, wanted: Truth, function: str
) -> None:
    goal = condition(solver, name)
    other = Truth.NOT_TRUE if wanted is Truth.TRUE else Truth.TRUE
    assert isinstance(
        solver.reach(Goal(condition=goal.condition, wanted=other), alice), Reached
    )  # whatever row
    refused = solver.reach(Goal(condition=goal.condition, wanted=wanted), alice)
    assert isinstance(refused, Unreached)
    assert (refused.reason, refused.what) == (Reason.OPAQUE, function)


def test_what_is_made_is_the_same_in_each_run(solver: Solver, alice: Persona, bob: Persona) -> None:
    goal = condition(solver, "helper branches")
    with solver.undone():
        first = solver.reach(goal, alice)
    second = solver.reach(goal, alice)
    assert isinstance(first, Reached)
    assert isinstance(second, Reached)
    assert first.statements == second.statements


def test_values_that_are_given_stay(solver: Solver, alice: Persona, bob: Persona) -> None:
    goal = condition(solver, "helper")
    found = solver.reach(goal, alice, given={"author_id": bob.id, "state": "review"})
    assert isinstance(found, Reached)
    assert found.row is not None
    assert (found.row.values["author_id"], found.row.values["state"]) == (bob.id, "review")


def test_what_failed_leaves_no_trace(solver: Solver, alice: Persona) -> None:
    refused = solver.reach(condition(solver, "between"), alice, given={"score": "4"})
    assert isinstance(refused, Unreached)
    assert solver.count(PAPERS) == 0


@pytest.mark.parametrize(
    ("function", "columns"), [("my_seats", ("team", "held")), ("my_ids", ()), ("is_member", ())]
)
def test_columns_of_a_function_in_from_are_what_it_returns(
    solver: Solver, function: str, columns: tuple[str, ...]
) -> None:
    [found] = [one for one in solver.schema.catalog.of(Function) if one.name == function]
    assert read_result(found, solver.schema) == columns


def test_steps_that_send_nothing_are_work_too(solver: Solver, alice: Persona) -> None:
    """A goal that only long thinking gives up must not be free: ten steps count as a statement."""
    statements, work = solver.spent, solver.work
    for _ in range(4):
        assert isinstance(solver.reach(condition(solver, "exists"), alice), Reached)
    assert solver.work - work > solver.spent - statements
