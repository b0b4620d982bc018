"""What must be true of credits at every moment, whatever happened before. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from credits.snapshot import Account, Entry, Job, Payment, Snapshot

BEGINNINGS = ("PENDING", "UPLOADING", "QUEUED")
"""The states that a job may begin in."""
ENDS = ("COMPLETED", "FAILED", "CANCELLED")
STEPS: Mapping[str, tuple[str, ...]] = {
    "PENDING": ("UPLOADING", "QUEUED", "CANCELLED", "FAILED"),
    "UPLOADING": ("QUEUED", "CANCELLED", "FAILED"),
    "QUEUED": ("TRANSCRIBING", "CANCELLED", "FAILED"),
    "TRANSCRIBING": ("ANALYZING", "QUEUED", "FAILED", "CANCELLED"),
    "ANALYZING": ("RENDERING", "QUEUED", "FAILED", "CANCELLED"),
    "RENDERING": ("COMPLETED", "QUEUED", "FAILED", "CANCELLED"),
}
"""Where a job may go from each state that is no end."""
PAYMENT_BEGINNINGS = ("PENDING", "COMPLETED", "FAILED")
PAYMENT_STEPS: Mapping[str, tuple[str, ...]] = {
    "PENDING": ("COMPLETED", "FAILED", "CANCELLED"),
    "FAILED": ("COMPLETED",),
    "COMPLETED": ("REFUNDED",),
}
"""Where a payment may go."""


def find_violations(now: Snapshot) -> list[str]:
    """What is wrong in one snapshot, as sentences."""
    of_user, of_job, of_payment = (_group(now.entries, key) for key in ("user", "job", "payment"))
    return [
        *(f"account {id}: {wrong}" for id, a in now.accounts.items() for wrong in _account(a, of_user[id])),
        *(f"job {id}: {wrong}" for id, job in now.jobs.items() for wrong in _job(job, of_job[id])),
        *(
            f"payment {id}: {wrong}"
            for id, p in now.payments.items()
            for wrong in _payment(p, of_payment[id])
        ),
        *(f"job {id}: lives on a closed account" for id in _find_orphans(now)),
    ]


def find_illegal_steps(before: Snapshot, now: Snapshot) -> list[str]:
    """What can not have come from where it was one statement before, as sentences."""
    return [
        *_steps(before.jobs, now.jobs, BEGINNINGS, STEPS),
        *_steps(before.payments, now.payments, PAYMENT_BEGINNINGS, PAYMENT_STEPS),
        *(["the ledger is not what it was"] if now.entries[: len(before.entries)] != before.entries else []),
    ]


def find_differences(now: Snapshot, expected: Snapshot) -> list[str]:
    """Where a snapshot is not what it should be, as sentences."""
    pairs = ((vars(now)[part], vars(expected)[part]) for part in vars(now))
    return [
        f"{key} is {found.get(key)}, should be {wanted.get(key)}"
        for found, wanted in ((_by_key(a), _by_key(b)) for a, b in pairs if a != b)
        for key in found.keys() | wanted.keys()
        if found.get(key) != wanted.get(key)
    ]


def _by_key(rows: Any) -> Mapping[Any, Any]:
    return rows if isinstance(rows, Mapping) else dict(enumerate(rows))


def _group(entries: Sequence[Entry], key: str) -> Mapping[str | None, list[Entry]]:
    groups = defaultdict[str | None, list[Entry]](list)
    for entry in entries:
        groups[getattr(entry, key)].append(entry)
    return groups


def _account(account: Account, entries: Sequence[Entry]) -> Iterator[str]:
    balance = 0
    for entry in entries:
        balance += entry.amount
        if entry.balance_after != balance:
            yield f"{entry.type} {entry.amount} leaves {entry.balance_after}, not {balance}"
    if account.credits != balance:
        yield f"has {account.credits} credits, its ledger {balance}"
    sums = [
        sum(e.amount for e in entries if e.type in kinds) for kinds in (("PURCHASE",), ("USAGE", "REFUND"))
    ]
    if [account.purchased, -account.used] != sums:
        yield f"bought {account.purchased} and used {account.used}, its ledger {sums[0]} and {-sums[1]}"
    if min(account.credits, account.purchased, account.used, *(e.balance_after for e in entries)) < 0:
        yield "has something negative"


def _job(job: Job, entries: Sequence[Entry]) -> Iterator[str]:
    posted = sorted(((entry.type, entry.amount) for entry in entries), reverse=True)
    unpaid, charged, returned = [], [("USAGE", -job.cost)], [("USAGE", -job.cost), ("REFUND", job.cost)]
    match job.status:
        case "PENDING" | "UPLOADING":
            expected = [unpaid]
        case "FAILED" | "CANCELLED":
            expected = [unpaid, returned]
        case _:
            expected = [charged]
    if posted not in expected:
        yield f"is {job.status} and costs {job.cost}, with the entries {posted}"


def _payment(payment: Payment, entries: Sequence[Entry]) -> Iterator[str]:
    posted = [(entry.type, entry.amount) for entry in entries]
    taken = payment.credits - payment.shortfall
    expected = []
    if payment.status in ("COMPLETED", "REFUNDED"):
        expected.append(("PURCHASE", payment.credits))
    if payment.status == "REFUNDED" and taken:
        expected.append(("ADJUSTMENT", -taken))
    if posted != expected or taken < 0:
        yield f"is {payment.status}, {payment.credits} credits, with the entries {posted}"


def _find_orphans(now: Snapshot) -> Iterator[str]:
    closed = {id for id, account in now.accounts.items() if account.is_closed}
    return (id for id, job in now.jobs.items() if job.user in closed and job.status not in ENDS)


def _steps(
    before: Mapping[str, Job] | Mapping[str, Payment],
    now: Mapping[str, Job] | Mapping[str, Payment],
    beginnings: Sequence[str],
    steps: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    yield from (f"{id} is gone" for id in before.keys() - now.keys())
    for id, row in now.items():
        was = before[id].status if id in before else None
        if row.status not in (beginnings if was is None else (was, *steps.get(was, ()))):
            yield f"{id} went from {was} to {row.status}"
