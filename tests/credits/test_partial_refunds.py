"""A payment may be refunded in parts, and a dispute that is won brings back what a refund took."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from tests.shared.accounts import ALICE, add_job, open_account, read_books
from tests.shared.debts import end_jobs, owed, read_shortfalls, refund, refund_part, reinstate
from tests.shared.payments import ALICE_PAYMENTS, buy

NOBODY = "ffffffff-0000-4000-8000-00000000000f"


@pytest.mark.parametrize(
    ("credits", "key", "sqlstate"),
    [
        *[(9, "k", ""), (10, "k", "PT409"), (11, "k", "PT409"), (0, "k", "22023"), (-1, "k", "22023")],
        *[(None, "k", "22023"), (1, None, "23502"), (1, "", "23514")],
    ],
)
def test_a_part_is_less_than_the_whole(
    backend: Session, credits: int | None, key: str | None, sqlstate: str
) -> None:
    user = open_account(backend, "erin").id
    payment = buy(backend, user, "Popular Pack")
    tried = refund_part(backend, payment, credits, key)
    assert tried.sqlstate == sqlstate
    assert read_books(backend, user).credits == (10 if sqlstate else 1)


@pytest.mark.parametrize("status", [status for status in ALICE_PAYMENTS if status != "COMPLETED"])
def test_only_a_completed_payment_is_refunded_in_part(backend: Session, status: str) -> None:
    before = read_books(backend, ALICE)
    assert refund_part(backend, ALICE_PAYMENTS[status], 1, "k").sqlstate == "PT409"
    assert read_books(backend, ALICE) == before
    tried = refund_part(backend, NOBODY, 1, "k")
    assert (tried.sqlstate, tried.message) == ("PT404", "no such payment")


def test_parts_and_the_rest_are_the_whole(backend: Session) -> None:
    user = open_account(backend, "erin").id
    payment = buy(backend, user, "Popular Pack")
    assert [refund_part(backend, payment, 4, key).rows for key in "abb"] == [
        [{"taken": 4}],
        [{"taken": 4}],
        [{"taken": 0}],
    ]
    assert refund_part(backend, payment, 2, "c").sqlstate == "PT409"
    assert refund_part(backend, payment, 3, "a").sqlstate == "PT409"
    refund(backend, payment)
    assert read_books(backend, user).entries == [
        ("PURCHASE", 10, 10),
        ("ADJUSTMENT", -4, 6),
        ("ADJUSTMENT", -4, 2),
        ("ADJUSTMENT", -2, 0),
    ]
    # The answer to the same key stays, whatever has become of the payment.
    assert refund_part(backend, payment, 4, "a").rows == [{"taken": 0}]


def test_key_of_a_part_belongs_to_one_payment(backend: Session) -> None:
    user = open_account(backend, "erin").id
    first, second = (buy(backend, user) for _ in range(2))
    assert refund_part(backend, first, 1, "k").sqlstate == ""
    assert refund_part(backend, second, 1, "k").sqlstate == "PT409"
    assert read_books(backend, user).credits == 5


def test_won_dispute_returns_what_the_refund_took_and_leaves_the_part(backend: Session) -> None:
    user = open_account(backend, "erin").id
    payment = buy(backend, user, "Popular Pack")
    jobs = [add_job(backend, user, status="QUEUED", cost=cost) for cost in (4, 5)]
    assert refund_part(backend, payment, 3, "part").rows == [{"taken": 1}]
    last = "select metadata from public.credit_transactions where user_id = %s order by id desc limit 1"
    assert backend.value(last, [user]) == {"payment": payment, "shortfall": 2}
    refund(backend, payment)
    assert read_shortfalls(backend, user) == {payment: 2 + 7}
    end_jobs(backend, [jobs[0]])  # two for the part, two for the refund
    assert reinstate(backend, payment).rows == [{"given": 2}]
    assert reinstate(backend, payment).rows == [{"given": 0}]
    assert (read_books(backend, user).credits, owed(backend, user)) == (2, 0)
    end_jobs(backend, [jobs[1]])
    assert read_books(backend, user).credits == 7


def test_won_dispute_returns_all_that_was_taken_since(backend: Session) -> None:
    user = open_account(backend, "erin").id
    payment = buy(backend, user, "Popular Pack")
    jobs = [add_job(backend, user, status="QUEUED", cost=cost) for cost in (4, 5)]
    refund(backend, payment)
    for job in jobs:
        end_jobs(backend, [job])
    assert read_books(backend, user).credits == 0
    assert reinstate(backend, payment).rows == [{"given": 1 + 4 + 5}]


def test_won_dispute_settles_what_is_owed_of_this_payment_alone(backend: Session) -> None:
    user = open_account(backend, "erin").id
    first, second = (buy(backend, user) for _ in range(2))
    add_job(backend, user, status="QUEUED", cost=6)
    for payment in (first, second):
        refund(backend, payment)
    assert read_shortfalls(backend, user) == {first: 3, second: 3}
    assert reinstate(backend, first).rows == [{"given": 0}]
    assert read_shortfalls(backend, user) == {first: 0, second: 3}


def test_part_that_is_owed_stays_owed_after_a_won_dispute(backend: Session) -> None:
    user = open_account(backend, "erin").id
    payment = buy(backend, user, "Popular Pack")
    job = add_job(backend, user, status="QUEUED", cost=10)
    refund_part(backend, payment, 3, "part")
    refund(backend, payment)
    assert reinstate(backend, payment).rows == [{"given": 0}]
    assert read_shortfalls(backend, user) == {payment: 3}
    end_jobs(backend, [job])
    assert (read_books(backend, user).credits, owed(backend, user)) == (7, 0)


@pytest.mark.parametrize("status", [status for status in ALICE_PAYMENTS if status != "REFUNDED"])
def test_only_a_refunded_payment_is_reinstated(backend: Session, status: str) -> None:
    assert reinstate(backend, ALICE_PAYMENTS[status]).sqlstate == "PT409"
    tried = reinstate(backend, NOBODY)
    assert (tried.sqlstate, tried.message) == ("PT404", "no such payment")


# What a question of the applications needs, and the index that answers it.
