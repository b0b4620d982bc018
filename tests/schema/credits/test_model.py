"""After every sequence of statements, by anybody, credits are what the oracle says."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from credits.budget import IS_DEEP
from credits.machine import Credits
from credits.variants import NAIVE, make_naive
from pgassay.database import Session

# Examples that were rolled back leave dead rows, which slow the later ones down: so in rounds.
ROUNDS, EXAMPLES = (80, 100) if IS_DEEP else (1, 25)
UNSHRUNK = settings(phases=(Phase.generate,), derandomize=True, database=None)

CAUGHT = {
    "batch_charge": r"USAGE -\d leaves \d, not \d",
    # Or that it charges before the policy refuses.
    "before_insert": r"has \d credits, its ledger \d|sqlstate='PT40[23]'.* should be 42501",
    "refund_from_cost": r"is (FAILED|CANCELLED) and costs \d, with the entries \[\('REFUND', \d\)\]",
}
"""The variants that are wrong in one session already, and what the model says of each."""


@pytest.mark.parametrize("round", range(ROUNDS))
def test_database_agrees_with_the_oracle_after_every_statement(empty_session: Session, round: int) -> None:
    run_state_machine_as_test(
        lambda: Credits(empty_session), settings=settings(max_examples=EXAMPLES, stateful_step_count=25)
    )


@pytest.mark.parametrize("name", CAUGHT)
def test_model_catches_the_naive_variant(empty_session: Session, name: str) -> None:
    make_naive(empty_session, name)
    with pytest.raises(AssertionError, match=CAUGHT[name]):
        run_state_machine_as_test(
            lambda: Credits(empty_session), settings=settings(UNSHRUNK, max_examples=1000)
        )


@pytest.mark.parametrize("name", [name for name in NAIVE if name not in CAUGHT])
def test_model_of_one_session_can_not_see_a_race(empty_session: Session, name: str) -> None:
    make_naive(empty_session, name)
    run_state_machine_as_test(
        lambda: Credits(empty_session), settings=settings(UNSHRUNK, max_examples=5, stateful_step_count=20)
    )
