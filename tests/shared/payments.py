"""Payments for the tests of money; made by whoever the session acts as."""

from __future__ import annotations

import uuid
from typing import Any

from pgassay.database import Session
from pgassay.observation import Attempt
from tests.shared.accounts import ALICE

PAYMENT_STATES = ("PENDING", "COMPLETED", "REFUNDED", "FAILED", "CANCELLED")
ALICE_PAYMENTS = {status: f"{ALICE[:-3]}{number}" for number, status in enumerate(PAYMENT_STATES, start=201)}
"""Alice's payment in each state (fixtures/world.sql): 10 credits if completed, 3 if pending or failed."""
ALICE_TRIAL = f"{ALICE[:-3]}206"

SET_STATUS = "update public.payments set status = %s where id = %s"


def order(
    session: Session, user: str | None, package: str | None = "Starter Pack", **columns: Any
) -> Attempt:
    """Try to insert a payment for a package, by STRIPE unless told otherwise; returns the whole row."""
    packages = "(select id from public.credit_packages where name = %s)"
    row = {"user_id": user, "provider": "STRIPE"} | columns
    return session.attempt(
        f"insert into public.payments (package_id, {', '.join(row)})"
        f" values ({packages}, {', '.join(['%s'] * len(row))}) returning *",
        [package, *row.values()],
    )


def buy(session: Session, user: str | None, package: str = "Starter Pack") -> str:
    """A payment that was completed from the start; its id. Each is a sale of its own, not a double click."""
    number = str(uuid.uuid4())
    bought = order(
        session, user, package, provider="MANUAL", status="COMPLETED", provider_transaction_id=number
    )
    return str(bought.rows[0]["id"])


def read_payment(session: Session, payment: str) -> dict[str, Any]:
    return session.execute("select * from public.payments where id = %s", [payment]).rows[0]
