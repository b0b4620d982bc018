"""public.grant_credits: BONUS and ADJUSTMENT, once per idempotency key, for the backend only."""

from __future__ import annotations

from typing import Any

import pytest

from pgassay.database import Session
from pgassay.observation import Attempt, Outcome, Persona
from tests.shared.accounts import ALICE, BOB, DAVE, add_job, move_job, open_account, read_books

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user with 10 credits."""
    return open_account(backend, "erin", credits=10)


def grant(session: Session, **arguments: Any) -> Attempt:
    """Try `grant_credits`; 5 credits as a BONUS for Alice unless told otherwise."""
    call = {"user_id": ALICE, "amount": 5, "type": "BONUS", "description": "Sorry", "idempotency_key": None}
    return session.attempt(
        "select public.grant_credits(%(user_id)s, %(amount)s, %(type)s, %(description)s,"
        " %(idempotency_key)s) as id",
        call | arguments,
    )


@pytest.mark.parametrize(
    ("kind", "amount"), [("BONUS", 5), ("ADJUSTMENT", 5), ("ADJUSTMENT", -5), ("ADJUSTMENT", -10)]
)
def test_grant_posts_one_entry_and_returns_its_id(
    backend: Session, erin: Persona, kind: str, amount: int
) -> None:
    tried = grant(backend, user_id=erin.id, type=kind, amount=amount, idempotency_key="key-1")
    books = read_books(backend, erin.id)
    assert books.entries == [("BONUS", 10, 10), (kind, amount, 10 + amount)]
    assert (books.credits, books.purchased, books.used) == (10 + amount, 0, 0)
    query = """
        select description, idempotency_key, job_id, payment_id, metadata
        from public.credit_transactions where id = %s
    """
    assert backend.execute(query, [tried.rows[0]["id"]]).rows == [
        {
            "description": "Sorry",
            "idempotency_key": "key-1",
            "job_id": None,
            "payment_id": None,
            "metadata": {},
        }
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        *[{"type": "PURCHASE"}, {"type": "REFUND"}, {"type": "USAGE", "amount": -5}, {"type": None}],
        *[{"amount": 0}, {"amount": -5}, {"amount": None}, {"type": "ADJUSTMENT", "amount": 0}],
    ],
)
def test_other_types_and_amounts_are_refused(backend: Session, arguments: dict[str, Any]) -> None:
    before = read_books(backend, ALICE)
    tried = grant(backend, **arguments)
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "22023")
    assert read_books(backend, ALICE) == before


def test_same_call_with_the_same_key_posts_once(backend: Session, erin: Persona) -> None:
    first = grant(backend, user_id=erin.id, idempotency_key="key-1")
    again = grant(backend, user_id=erin.id, idempotency_key="key-1")
    assert again.rows == first.rows
    assert read_books(backend, erin.id).entries == [("BONUS", 10, 10), ("BONUS", 5, 15)]


def test_same_key_is_answered_even_when_the_credits_are_gone(backend: Session, erin: Persona) -> None:
    call = {"user_id": erin.id, "type": "ADJUSTMENT", "amount": -10, "idempotency_key": "key-1"}
    first = grant(backend, **call)
    assert grant(backend, **call).rows == first.rows
    assert read_books(backend, erin.id).entries == [("BONUS", 10, 10), ("ADJUSTMENT", -10, 0)]


@pytest.mark.parametrize("other", [{"amount": 6}, {"type": "ADJUSTMENT"}, {"user_id": BOB}])
def test_same_key_for_another_call_is_a_conflict(backend: Session, other: dict[str, Any]) -> None:
    assert grant(backend, idempotency_key="key-1").outcome is Outcome.ALLOWED
    alice, bob = read_books(backend, ALICE), read_books(backend, BOB)
    tried = grant(backend, idempotency_key="key-1", **other)
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT409")
    assert (read_books(backend, ALICE), read_books(backend, BOB)) == (alice, bob)


@pytest.mark.parametrize("keys", [(None, None), ("key-1", "key-2")])
def test_calls_without_a_common_key_post_each(
    backend: Session, erin: Persona, keys: tuple[str | None, str | None]
) -> None:
    for key in keys:
        grant(backend, user_id=erin.id, idempotency_key=key)
    assert read_books(backend, erin.id).entries[1:] == [("BONUS", 5, 15), ("BONUS", 5, 20)]


@pytest.mark.parametrize("user", [NOBODY, DAVE, None])
def test_unknown_or_closed_account_gets_nothing(backend: Session, user: str | None) -> None:
    entries = "select count(*) from public.credit_transactions"
    before = backend.value(entries)
    tried = grant(backend, user_id=user)
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT404")
    assert backend.value(entries) == before


def test_adjustment_takes_no_more_than_there_is(backend: Session, erin: Persona) -> None:
    before = read_books(backend, erin.id)
    tried = grant(backend, user_id=erin.id, type="ADJUSTMENT", amount=-11)
    assert (tried.outcome, tried.sqlstate, tried.detail) == (Outcome.REJECTED, "PT402", "")
    assert read_books(backend, erin.id) == before


@pytest.mark.parametrize(
    ("amount", "sqlstate"),
    [
        *[(1_000_000, ""), (1_000_001, "22023"), (2**31 - 1, "22023")],
        *[(-1_000_000, "PT402"), (-1_000_001, "22023"), (-(2**31), "22023")],
    ],
)
def test_amount_is_bounded(backend: Session, erin: Persona, amount: int, sqlstate: str) -> None:
    before = read_books(backend, erin.id)
    assert grant(backend, user_id=erin.id, type="ADJUSTMENT", amount=amount).sqlstate == sqlstate
    expected = [] if sqlstate else [("ADJUSTMENT", amount, 10 + amount)]
    assert read_books(backend, erin.id).since(before) == expected


def test_balance_is_bounded_and_can_always_be_lowered(backend: Session, erin: Persona) -> None:
    rich = "select public.grant_credits(%s, 1000000, 'BONUS', 'x') from generate_series(1, 99)"
    assert backend.execute(rich, [erin.id]).rowcount == 99
    assert grant(backend, user_id=erin.id, amount=1_000_000 - 10).sqlstate == ""
    assert grant(backend, user_id=erin.id, amount=1).sqlstate == "PT409"
    assert read_books(backend, erin.id).credits == 100_000_000
    assert grant(backend, user_id=erin.id, amount=-1, type="ADJUSTMENT").sqlstate == ""


def test_refund_of_a_job_is_never_refused_for_the_balance(backend: Session, erin: Persona) -> None:
    job = add_job(backend, erin.id, status="QUEUED", cost=10)
    rich = "select public.grant_credits(%s, 1000000, 'BONUS', 'x') from generate_series(1, 100)"
    assert backend.execute(rich, [erin.id]).rowcount == 100
    move_job(backend, job, "FAILED")
    assert read_books(backend, erin.id).credits == 100_000_010
    assert grant(backend, user_id=erin.id, amount=-1, type="ADJUSTMENT").sqlstate == ""
