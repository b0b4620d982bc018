"""What must be true of credits at every moment, whatever happened before. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.credits.snapshot import Account, Debt, Entry, Job, Payment, Snapshot

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
    "CANCELLED": ("COMPLETED",),
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
            for wrong in _payment(p, of_payment[id], _sum_refunds(now, id))
        ),
        *_find_debts_gone_wrong(now),
        *(f"job {id}: lives on a closed account" for id in _find_orphans(now)),
    ]


def find_illegal_steps(before: Snapshot, now: Snapshot) -> list[str]:
    """What can not have come from where it was one statement before, as sentences."""
    return [
        *_steps(before.jobs, now.jobs, BEGINNINGS, STEPS),
        *_steps(before.payments, now.payments, PAYMENT_BEGINNINGS, PAYMENT_STEPS),
        *(["the ledger is not what it was"] if now.entries[: len(before.entries)] != before.entries else []),
        *(["the debts are not what they were"] if now.debts[: len(before.debts)] != before.debts else []),
        *(
            f"partial refund {key} is not what it was"
            for key in before.parts
            if now.parts.get(key) != before.parts[key]
        ),
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
    unpaid: list[tuple[str, int]] = []
    charged, returned = [("USAGE", -job.cost)], [("USAGE", -job.cost), ("REFUND", job.cost)]
    match job.status:
        case "PENDING" | "UPLOADING":
            expected = [unpaid]
        case "FAILED" | "CANCELLED":
            expected = [unpaid, returned]
        case _:
            expected = [charged]
    if posted not in expected:
        yield f"is {job.status} and costs {job.cost}, with the entries {posted}"


def _sum_refunds(now: Snapshot, payment: str) -> int:
    """What went back in parts, and what the refund of the rest could not take."""
    parts = sum(part.credits for part in now.parts.values() if part.payment == payment)
    lines = (debt for debt in now.debts if debt.payment == payment and debt.kind == "shortfall")
    return parts + sum(line.credits for line in lines if not line.is_partial)


def _payment(payment: Payment, entries: Sequence[Entry], refunded: int) -> Iterator[str]:
    posted = [(entry.type, entry.amount) for entry in entries]
    taken = payment.credits - refunded
    expected = []
    if payment.status in ("COMPLETED", "REFUNDED"):
        expected.append(("PURCHASE", payment.credits))
    if payment.status == "REFUNDED" and taken:
        expected.append(("ADJUSTMENT", -taken))
    if posted != expected or taken < 0:
        yield f"is {payment.status}, {payment.credits} credits, with the entries {posted}"


def _find_debts_gone_wrong(now: Snapshot) -> Iterator[str]:
    """Owed is what is short, less what was recovered and settled; each taken once; the metadata says so."""
    lines = [debt for debt in now.debts if debt.kind == "shortfall"]
    for place, line in enumerate(now.debts):
        lowered = sum(debt.credits for debt in now.debts if debt.lowers == place)
        if lowered > (line.credits if line.kind == "shortfall" else 0):
            yield f"debt {place}: is of {line.credits}, lowered by {lowered}"
    for id, payment in now.payments.items():
        if payment.shortfall != (owed := sum(_sign(debt) for debt in now.debts if debt.payment == id)):
            yield f"payment {id}: says that {payment.shortfall} is owed, its debts say {owed}"
        parts = sum(part.credits for part in now.parts.values() if part.payment == id)
        taken = -sum(entry.amount for entry in now.entries if entry.about == id and entry.amount < 0)
        if parts != taken + sum(line.credits for line in lines if line.payment == id and line.is_partial):
            yield f"payment {id}: {parts} went back in parts, {taken} of them taken"
    for user in now.accounts:
        taken = sum(entry.recovered for entry in now.entries if entry.user == user)
        recovered = sum(debt.credits for debt in now.debts if debt.user == user and debt.kind == "recovered")
        if taken != recovered:
            yield f"account {user}: {taken} was taken for debts, which say {recovered}"


def _sign(debt: Debt) -> int:
    return debt.credits if debt.kind == "shortfall" else -debt.credits


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
