"""Payments: every transition, the snapshot of the package, what is frozen, and the trial."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome
from tests.shared.accounts import ALICE, BOB, read_books, triggers_asleep
from tests.shared.payments import (
    ALICE_PAYMENTS,
    ALICE_TRIAL,
    PAYMENT_STATES,
    SET_STATUS,
    order,
    read_payment,
)

LEGAL: dict[tuple[str, str], tuple[set[str], list[tuple[str, int]]]] = {
    ("PENDING", "COMPLETED"): ({"paid_at"}, [("PURCHASE", 3)]),
    ("PENDING", "FAILED"): (set(), []),
    ("PENDING", "CANCELLED"): (set(), []),
    ("FAILED", "COMPLETED"): ({"paid_at"}, [("PURCHASE", 3)]),
    ("CANCELLED", "COMPLETED"): ({"paid_at"}, [("PURCHASE", 25)]),
    ("COMPLETED", "REFUNDED"): ({"refunded_at"}, [("ADJUSTMENT", -10)]),
}
ILLEGAL = [pair for pair in permutations(PAYMENT_STATES, 2) if pair not in LEGAL]
STAMPS = ("created_at", "paid_at", "refunded_at")


@pytest.mark.parametrize(("start", "end"), LEGAL)
def test_legal_transition_posts_its_credits_once_and_stamps_its_time(
    backend: Session, start: str, end: str
) -> None:
    payment, books = ALICE_PAYMENTS[start], read_books(backend, ALICE)
    if start in ("PENDING", "CANCELLED"):
        backend.execute("update public.payments set provider_transaction_id = 'pi' where id = %s", [payment])
    before, earliest = read_payment(backend, payment), backend.value("select clock_timestamp()")
    for _ in range(2):
        assert backend.attempt(SET_STATUS, [end, payment]).rowcount == 1
    after, posted = read_payment(backend, payment), read_books(backend, ALICE).since(books)
    stamped = {name for name in STAMPS if before[name] != after[name]}
    assert (after["status"], stamped) == (end, LEGAL[start, end][0])
    assert all(earliest <= after[name] <= backend.value("select clock_timestamp()") for name in stamped)
    assert [(kind, amount) for kind, amount, _ in posted] == LEGAL[start, end][1]


@pytest.mark.parametrize(("start", "end"), ILLEGAL)
def test_illegal_transition_is_a_conflict_and_moves_nothing(backend: Session, start: str, end: str) -> None:
    payment = ALICE_PAYMENTS[start]
    before, books = read_payment(backend, payment), read_books(backend, ALICE)
    tried = backend.attempt(SET_STATUS, [end, payment])
    assert (tried.outcome, tried.sqlstate, before["status"]) == (Outcome.REJECTED, "PT409", start)
    assert (read_payment(backend, payment), read_books(backend, ALICE)) == (before, books)


@pytest.mark.parametrize("status", PAYMENT_STATES)
def test_the_same_status_again_moves_nothing(backend: Session, status: str) -> None:
    payment = ALICE_PAYMENTS[status]
    before, books = read_payment(backend, payment), read_books(backend, ALICE)
    assert backend.attempt(SET_STATUS, [status, payment]).rowcount == 1
    after = read_payment(backend, payment)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert (after, read_books(backend, ALICE)) == (before, books)


@pytest.mark.parametrize(
    ("status", "sqlstate", "credits"),
    [
        *[("PENDING", "", 0), ("COMPLETED", "", 3), ("FAILED", "", 0)],
        *[("REFUNDED", "PT409", 0), ("CANCELLED", "PT409", 0)],
    ],
)
def test_payment_starts_in_a_state_that_a_sale_can_start_in(
    backend: Session, status: str, sqlstate: str, credits: int
) -> None:
    books = read_books(backend, BOB)
    tried = order(backend, BOB, status=status, provider_transaction_id="pi_new")
    assert tried.sqlstate == sqlstate
    expected = [("PURCHASE", credits, books.credits + credits)] if credits else []
    assert read_books(backend, BOB).since(books) == expected
    if not sqlstate:
        row = tried.rows[0]
        assert (row["paid_at"], row["refunded_at"]) == (row["created_at"] if credits else None, None)


@pytest.mark.parametrize(
    ("sent", "sqlstate"),
    [
        ({}, ""),
        ({"amount_thb": 299, "credits_purchased": 10}, ""),
        ({"amount_thb": 299}, ""),
        ({"amount_thb": 298.99}, "PT409"),
        ({"credits_purchased": 11}, "PT409"),
        ({"amount_thb": 0, "credits_purchased": 10}, "PT409"),
    ],
)
def test_sale_takes_the_snapshot_of_its_package_or_is_refused(
    backend: Session, sent: dict[str, Any], sqlstate: str
) -> None:
    tried = order(backend, BOB, "Popular Pack", **sent)
    assert tried.sqlstate == sqlstate
    assert [(row["amount_thb"], row["credits_purchased"]) for row in tried.rows] == [(299, 10)] * (
        not sqlstate
    )


def test_package_that_is_not_for_sale_is_refused(backend: Session) -> None:
    sell = "update public.credit_packages set is_active = %s where name = 'Retired Pack'"
    tried = order(backend, BOB, "Retired Pack")
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    backend.execute(sell, [True])
    assert order(backend, BOB, "Retired Pack").outcome is Outcome.ALLOWED


def test_completed_payment_posts_its_snapshot_and_not_the_package_of_today(backend: Session) -> None:
    change = (
        "update public.credit_packages set credits = 50, price_thb = 1, is_active = false where name = %s"
    )
    assert backend.execute(change, ["Starter Pack"]).rowcount == 1
    before = read_books(backend, ALICE)
    assert backend.attempt(SET_STATUS, ["COMPLETED", ALICE_PAYMENTS["FAILED"]]).sqlstate == ""
    assert read_books(backend, ALICE).since(before) == [("PURCHASE", 3, before.credits + 3)]


def test_payments_completed_in_one_statement_are_posted_one_by_one(backend: Session) -> None:
    for number in ("1", "2", "3"):
        order(backend, BOB, provider_transaction_id=f"pi_{number}")
    before = read_books(backend, BOB)
    query = "update public.payments set status = 'COMPLETED' where user_id = %s and provider = 'STRIPE'"
    assert backend.execute(query, [BOB]).rowcount == 3
    assert read_books(backend, BOB).since(before) == [
        ("PURCHASE", 3, before.credits + more) for more in (3, 6, 9)
    ]


@pytest.mark.parametrize(
    ("provider", "sqlstate"),
    [("MANUAL", ""), ("STRIPE", "23514"), ("PROMPTPAY", "23514"), ("TRUEMONEY", "23514")],
)
def test_sale_without_a_package_is_entered_by_hand_only(
    backend: Session, provider: str, sqlstate: str
) -> None:
    before = read_books(backend, BOB)
    sale = {
        "amount_thb": 50,
        "credits_purchased": 2,
        "status": "COMPLETED",
        "provider_transaction_id": "sale",
    }
    tried = order(backend, BOB, None, provider=provider, **sale)
    constraint = "payments_package_unless_manual" if sqlstate else ""
    assert (tried.sqlstate, tried.constraint) == (sqlstate, constraint)
    expected = [] if sqlstate else [("PURCHASE", 2, before.credits + 2)]
    assert read_books(backend, BOB).since(before) == expected


@pytest.mark.parametrize("status", PAYMENT_STATES)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", "00000000-0000-4000-8000-000000000000"),
        ("user_id", BOB),
        ("package_id", None),
        ("provider", "MANUAL"),
        ("amount_thb", 1),
        ("credits_purchased", 100),
    ],
)
def test_what_was_sold_never_changes(backend: Session, status: str, column: str, value: Any) -> None:
    payment = ALICE_PAYMENTS[status]
    before = read_payment(backend, payment)
    update = f"update public.payments set {column} = %s, payment_method = 'card' where id = %s"
    tried = backend.attempt(update, [value, payment])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    assert backend.attempt(update, [before[column], payment]).rowcount == 1
    assert read_payment(backend, payment)["payment_method"] == "card"


def test_times_sent_by_the_backend_are_ignored(backend: Session) -> None:
    sent, earliest = datetime(2001, 2, 3, tzinfo=UTC), backend.value("select clock_timestamp()")
    row = order(backend, BOB, created_at=sent, updated_at=sent, paid_at=sent, refunded_at=sent).rows[0]
    assert earliest <= row["created_at"] == row["updated_at"]
    assert (row["paid_at"], row["refunded_at"]) == (None, None)
    before = read_payment(backend, ALICE_PAYMENTS["COMPLETED"])
    update = "update public.payments set created_at = %s, paid_at = %s, refunded_at = %s where id = %s"
    assert backend.execute(update, [sent, sent, sent, before["id"]]).rowcount == 1
    after = read_payment(backend, ALICE_PAYMENTS["COMPLETED"])
    assert [after[name] for name in STAMPS] == [before[name] for name in STAMPS]


@pytest.mark.parametrize("status", ["COMPLETED", "REFUNDED", "FAILED"])
@pytest.mark.parametrize("value", ["other", None])
def test_provider_transaction_id_never_changes_once_set(
    backend: Session, status: str, value: str | None
) -> None:
    payment = ALICE_PAYMENTS[status]
    update = "update public.payments set provider_transaction_id = %s where id = %s"
    tried = backend.attempt(update, [value, payment])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    same = read_payment(backend, payment)["provider_transaction_id"]
    assert backend.attempt(update, [same, payment]).rowcount == 1


@pytest.mark.parametrize("provider", ["STRIPE", "PROMPTPAY", "TRUEMONEY", "MANUAL"])
def test_paid_payment_has_a_transaction_id_unless_manual(backend: Session, provider: str) -> None:
    before = read_books(backend, BOB)
    payment = order(backend, BOB, provider=provider).rows[0]["id"]
    tried = backend.attempt(SET_STATUS, ["COMPLETED", payment])
    if provider != "MANUAL":
        assert (tried.sqlstate, tried.constraint) == ("23514", "payments_paid_has_transaction")
        assert read_books(backend, BOB) == before
        together = (
            "update public.payments set status = 'COMPLETED', provider_transaction_id = 'x' where id = %s"
        )
        assert backend.attempt(together, [payment]).rowcount == 1
    assert read_books(backend, BOB).since(before) == [("PURCHASE", 3, before.credits + 3)]


def test_transaction_id_is_unique_per_provider(backend: Session) -> None:
    # pi_a2 of STRIPE is Alice's.
    tried = order(backend, BOB, provider_transaction_id="pi_a2")
    assert (tried.sqlstate, tried.constraint) == ("23505", "payments_provider_transaction_is_unique")
    assert order(backend, BOB, provider="TRUEMONEY", provider_transaction_id="pi_a2").rowcount == 1


@pytest.mark.parametrize("refunded", [False, True])
def test_trial_is_given_once_per_user_also_after_a_refund(backend: Session, refunded: bool) -> None:
    if refunded:
        assert backend.attempt(SET_STATUS, ["REFUNDED", ALICE_TRIAL]).rowcount == 1
    before = read_books(backend, ALICE)
    second = order(backend, ALICE, "Trial Pack", provider="MANUAL").rows[0]["id"]
    tried = backend.attempt(SET_STATUS, ["COMPLETED", second])
    assert (tried.sqlstate, tried.constraint) == ("23505", "payments_one_trial_per_user")
    assert read_books(backend, ALICE) == before
    bobs = order(backend, BOB, "Trial Pack", provider="MANUAL", status="COMPLETED")
    assert bobs.outcome is Outcome.ALLOWED


def sell(session: Session, user: str = BOB, **columns: Any) -> Any:
    sale = {"amount_thb": 50, "credits_purchased": 2, "provider": "MANUAL", "status": "COMPLETED"}
    return order(session, user, None, **(sale | columns)).sqlstate


@pytest.mark.parametrize(
    ("second", "sqlstate"),
    [
        ({}, "PT409"),
        *[
            ({"amount_thb": 51}, ""),
            ({"credits_purchased": 3}, ""),
            ({"provider_transaction_id": "cash-2"}, ""),
        ],
        ({"user": ALICE}, ""),
    ],
)
def test_double_click_on_a_manual_sale_posts_once(
    backend: Session, second: dict[str, Any], sqlstate: str
) -> None:
    before = read_books(backend, BOB)
    assert sell(backend) == ""
    assert sell(backend, **second) == sqlstate
    assert ("PURCHASE", 2, before.credits + 2) == read_books(backend, BOB).since(before)[0]


@pytest.mark.parametrize(("age", "sqlstate"), [("59 seconds", "PT409"), ("61 seconds", "")])
def test_the_same_sale_can_be_entered_again_a_minute_later(backend: Session, age: str, sqlstate: str) -> None:
    assert sell(backend) == ""
    with triggers_asleep(backend):
        older = """
            update public.payments set paid_at = paid_at - %s::interval
            where user_id = %s and package_id is null
        """
        assert backend.execute(older, [age, BOB]).rowcount == 1
    assert sell(backend) == sqlstate


def test_double_click_on_the_completion_of_two_orders_posts_once(backend: Session) -> None:
    before = read_books(backend, BOB)
    first, second = (order(backend, BOB, provider="MANUAL").rows[0]["id"] for _ in range(2))
    assert backend.attempt(SET_STATUS, ["COMPLETED", first]).sqlstate == ""
    assert backend.attempt(SET_STATUS, ["COMPLETED", second]).sqlstate == "PT409"
    assert read_books(backend, BOB).since(before) == [("PURCHASE", 3, before.credits + 3)]


def test_refund_before_the_completion_is_a_conflict_and_after_it_counts(backend: Session) -> None:
    before = read_books(backend, BOB)
    payment = order(backend, BOB, provider_transaction_id="early").rows[0]["id"]
    assert backend.attempt(SET_STATUS, ["REFUNDED", payment]).sqlstate == "PT409"
    for status in ("COMPLETED", "REFUNDED"):
        assert backend.attempt(SET_STATUS, [status, payment]).sqlstate == ""
    assert read_books(backend, BOB).credits == before.credits
