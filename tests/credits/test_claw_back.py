"""A refunded payment takes back what is left of its credits, never below zero, and records the shortfall."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import add_job, open_account, read_books
from tests.shared.payments import SET_STATUS, buy, read_payment


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user without credits."""
    return open_account(backend, "erin")


def read_claw_backs(session: Session, user: str | None) -> list[tuple[int, dict[str, Any]]]:
    rows = session.execute(
        "select amount, metadata from public.credit_transactions"
        " where user_id = %s and type = 'ADJUSTMENT' and payment_id is not null order by id",
        [user],
    ).rows
    return [(row["amount"], row["metadata"]) for row in rows]


@pytest.mark.parametrize(
    ("spent", "entries", "metadata"),
    [
        (0, [(-3, {"shortfall": 0})], {}),
        (2, [(-1, {"shortfall": 2})], {"shortfall": 2}),
        (3, [], {"shortfall": 3}),
    ],
)
def test_claw_back_takes_what_is_left_and_records_the_rest(
    backend: Session, erin: Persona, spent: int, entries: list[Any], metadata: dict[str, int]
) -> None:
    payment = buy(backend, erin.id)
    if spent:
        add_job(backend, erin.id, status="QUEUED", cost=spent)
    assert backend.execute(SET_STATUS, ["REFUNDED", payment]).rowcount == 1
    assert read_claw_backs(backend, erin.id) == entries
    after = read_payment(backend, payment)
    assert (after["status"], after["metadata"]) == ("REFUNDED", metadata)
    books = read_books(backend, erin.id)
    assert (books.credits, books.purchased, books.used) == (0, 3, spent)


def test_claw_back_takes_no_more_than_the_payment_gave(backend: Session, erin: Persona) -> None:
    first, _ = buy(backend, erin.id), buy(backend, erin.id, "Popular Pack")
    backend.execute(SET_STATUS, ["REFUNDED", first])
    assert read_books(backend, erin.id).entries == [
        ("PURCHASE", 3, 3),
        ("PURCHASE", 10, 13),
        ("ADJUSTMENT", -3, 10),
    ]


def test_claw_back_is_posted_once(backend: Session, erin: Persona) -> None:
    payment, _ = buy(backend, erin.id), buy(backend, erin.id)
    for status in ("REFUNDED", "REFUNDED"):
        backend.execute(SET_STATUS, [status, payment])
    assert backend.attempt(SET_STATUS, ["COMPLETED", payment]).sqlstate == "PT409"
    assert read_claw_backs(backend, erin.id) == [(-3, {"shortfall": 0})]
    assert read_books(backend, erin.id).credits == 3


def test_payments_refunded_in_one_statement_share_what_is_left(backend: Session, erin: Persona) -> None:
    payments = sorted(buy(backend, erin.id) for _ in range(3))
    add_job(backend, erin.id, status="QUEUED", cost=5)
    query = "update public.payments set status = 'REFUNDED' where user_id = %s"
    assert backend.execute(query, [erin.id]).rowcount == 3
    assert read_claw_backs(backend, erin.id) == [(-3, {"shortfall": 0}), (-1, {"shortfall": 2})]
    shortfalls = [read_payment(backend, payment)["metadata"] for payment in payments]
    assert shortfalls == [{}, {"shortfall": 2}, {"shortfall": 3}]


@pytest.mark.parametrize("size", [0, 16384 - len('{"note": ""}')])
def test_shortfall_joins_the_metadata_that_was_there(backend: Session, erin: Persona, size: int) -> None:
    payment, note = buy(backend, erin.id), {"note": "x" * size}
    update = "update public.payments set metadata = %s where id = %s"
    assert backend.attempt(update, [Jsonb({"note": "x" * 16384}), payment]).outcome is Outcome.REJECTED
    backend.execute(update, [Jsonb(note), payment])
    add_job(backend, erin.id, status="QUEUED", cost=3)
    assert backend.attempt(SET_STATUS, ["REFUNDED", payment]).outcome is Outcome.ALLOWED
    assert read_payment(backend, payment)["metadata"] == note | {"shortfall": 3}
