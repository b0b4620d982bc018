"""After every sequence of statements credits are what the oracle says; naive variants are caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import MultipleResults, run_state_machine_as_test

from pgassay.database import Session
from tests.credits.budget import IS_DEEP
from tests.credits.machine import Credits
from tests.credits.variants import NAIVE, make_naive

pytestmark = pytest.mark.slow

# Examples that were rolled back leave dead rows, which slow the later ones down: so in rounds.
ROUNDS, EXAMPLES = (80, 100) if IS_DEEP else (1, 25)
ORDINARY = settings(max_examples=EXAMPLES, stateful_step_count=50 if IS_DEEP else 25)
SEARCH = settings(max_examples=1000, derandomize=True, database=None, phases=(Phase.generate,))
SHORT_SEARCH = settings(SEARCH, max_examples=5, stateful_step_count=20)

DISAGREEMENT = r"should be|should touch|its ledger|with the entries"


def values(made: MultipleResults[str] | str) -> tuple[str, ...]:
    """The ids that a rule of the model made."""
    assert isinstance(made, MultipleResults)
    return made.values


def queue_two_at_once(model: Credits) -> None:
    (user,) = values(model.open_accounts([2]))
    model.add_jobs([job_row(user), job_row(user)], skip_conflicts=False)


def click_twice(model: Credits) -> None:
    (user,) = values(model.open_accounts([2]))
    for _ in range(2):
        model.add_own_jobs(user, [job_row(user, request="click")], skip_conflicts=True)


def cancel_what_nobody_paid(model: Credits) -> None:
    (user,) = values(model.open_accounts([1]))
    rows = [job_row(user), job_row(user, status="PENDING")]
    _, unpaid = values(model.add_jobs(rows, skip_conflicts=False))
    model.move_jobs(user, [(unpaid, "CANCELLED")])


def fail_what_new_money_paid(model: Credits) -> None:
    (user,) = values(model.open_accounts([0]))
    row = {"user": user, "provider": "MANUAL", "credits": 3, "status": "COMPLETED", "reference": None}
    (sale,) = values(model.order([row], skip_conflicts=False))
    model.add_jobs([job_row(user, cost=3)], skip_conflicts=False)
    model.refund([sale])
    model.grant(user, "BONUS", 1, None)
    (job,) = values(model.add_jobs([job_row(user)], skip_conflicts=False))
    model.turn_back([job], own=False, status="CANCELLED")


WRONG_ALONE: dict[str, tuple[Callable[[Credits], None], str]] = {
    "batch_charge": (queue_two_at_once, "USAGE -1 leaves 1, not 0"),
    "before_insert": (click_twice, "has 0 credits, its ledger 1"),
    "recover_new_money": (fail_what_new_money_paid, r"Account\(credits=0, .* should be Account\(credits=1, "),
    "refund_from_cost": (cancel_what_nobody_paid, r"is CANCELLED .* with the entries \[\('REFUND', 1\)\]"),
}
"""The variants that go wrong in one session, by which steps, and what the model says then."""
SOUGHT = [name for name in WRONG_ALONE if IS_DEEP or name != "recover_new_money"]
"""A debt, and then a job of new money that fails, is found in minutes, not in seconds."""


def job_row(
    user: str, *, status: str = "QUEUED", request: str | None = None, cost: int = 1
) -> dict[str, object]:
    return {
        "user": user,
        "status": status,
        "cost": cost,
        "priority": 0,
        "max_retries": 0,
        "request": request,
        "has_video": True,
    }


def machine_on(session: Session) -> type[Credits]:
    """The machine on this session: Hypothesis makes one for each example."""

    class Machine(Credits):
        def __init__(self) -> None:
            super().__init__(session)

    return Machine


@pytest.mark.parametrize("round", range(ROUNDS))
def test_database_agrees_with_the_oracle_after_every_statement(empty_session: Session, round: int) -> None:
    run_state_machine_as_test(machine_on(empty_session), settings=ORDINARY)


@pytest.mark.parametrize("name", WRONG_ALONE)
def test_shortest_steps_tell_the_naive_variant_from_ours(empty_session: Session, name: str) -> None:
    steps, symptom = WRONG_ALONE[name]
    model = Credits(empty_session)
    steps(model)
    model.teardown()
    make_naive(empty_session, NAIVE[name])
    with pytest.raises(AssertionError, match=symptom):
        steps(Credits(empty_session))


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUGHT)
def test_search_finds_that_the_naive_variant_is_wrong(empty_session: Session, name: str) -> None:
    make_naive(empty_session, NAIVE[name])
    with pytest.raises(AssertionError, match=DISAGREEMENT):
        run_state_machine_as_test(machine_on(empty_session), settings=SEARCH)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAIVE if name not in WRONG_ALONE])
def test_one_session_can_not_see_a_race(empty_session: Session, name: str) -> None:
    make_naive(empty_session, NAIVE[name])
    run_state_machine_as_test(machine_on(empty_session), settings=SHORT_SEARCH)
