"""What the model's rules draw from: small pools, so that they meet the same rows again and again."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle

from tests.credits.invariants import BEGINNINGS, ENDS, STEPS
from tests.credits.oracle import BACKEND

users: Bundle[str] = Bundle("users")
jobs: Bundle[str] = Bundle("jobs")
payments: Bundle[str] = Bundle("payments")
attempts: Bundle[tuple[str, str]] = Bundle("attempts")
actors = st.just(BACKEND) | users
states = st.sampled_from((*STEPS, *ENDS))
payment_states = st.sampled_from(("COMPLETED", "FAILED", "REFUNDED", "CANCELLED", "PENDING"))
workers = st.sampled_from(("worker-1", "worker-2"))
references = st.sampled_from(("tx-1", "tx-2", "tx-3", "tx-4")) | st.none()
events = st.sampled_from(("event-1", "event-2", "event-3"))
keys = st.none() | st.sampled_from(("key-1", "key-2"))
persons = st.sampled_from(("person-1", "Person-2", "person-2")) | st.none()
amounts = st.integers(-3, 5) | st.sampled_from((1_000_000, 1_000_001, -1_000_001))
crowds = st.sampled_from((9, 12, 70, 101))
"""So many jobs at once: about as many as have a turn by time, and as may wait unpaid."""


def some(rows: st.SearchStrategy[Any], **options: Any) -> st.SearchStrategy[list[Any]]:
    """What one statement is about: one to three, without repetition where options say so."""
    return st.lists(rows, min_size=1, max_size=3, **options)


# Rows are dictionaries: a falsifying example names the users in those, as it does not in objects.
_job = {
    "user": users,
    "status": st.sampled_from(("QUEUED", *BEGINNINGS)),
    "cost": st.integers(1, 3),
    "priority": st.integers(0, 1),
    "max_retries": st.integers(0, 1),
    "request": st.none() | st.sampled_from(("click-1", "click-2")),
    "has_video": st.sampled_from((True, True, True, False)),
}
_payment = {
    "user": users,
    "provider": st.sampled_from(("STRIPE", "PROMPTPAY", "TRUEMONEY", "MANUAL")),
    "credits": st.sampled_from((3, 1, 10)),
    "status": st.sampled_from(("COMPLETED", "PENDING", "FAILED")),
    "reference": references,
}
job_rows = some(st.fixed_dictionaries(_job))
any_job_rows = some(st.fixed_dictionaries(_job | {"status": states}))
payment_rows = some(st.fixed_dictionaries(_payment))
any_payment_rows = some(st.fixed_dictionaries(_payment | {"status": payment_states}))
some_jobs, some_payments = some(jobs, unique=True), some(payments, unique=True)
job_moves = some(st.tuples(jobs, states), unique_by=lambda move: move[0])
