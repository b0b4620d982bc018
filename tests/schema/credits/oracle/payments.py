"""Payments: their states, and the credits that come and go with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from credits.invariants import PAYMENT_BEGINNINGS, PAYMENT_STEPS
from credits.oracle.ledger import Ledger, Refused
from credits.snapshot import Payment

PAID = ("COMPLETED", "REFUNDED")


@dataclass(frozen=True, kw_only=True)
class PaymentOrder:
    """A row to insert into payments; the credits tell which package, and 1 is the free trial."""

    user: str
    provider: str
    credits: int
    status: str
    reference: str | None


@dataclass
class Payments:
    """Rows by id; the events, by provider and key, that were seen."""

    ledger: Ledger
    rows: dict[str, Payment] = field(default_factory=dict)
    events: set[tuple[str, str]] = field(default_factory=set)

    def draft(self, ledger: Ledger) -> Payments:
        return Payments(ledger, self.rows.copy(), self.events.copy())

    def order(self, orders: Iterable[PaymentOrder], *, skip_conflicts: bool, ids: Iterator[str]) -> int:
        added = []
        for order in orders:
            if order.status not in PAYMENT_BEGINNINGS:
                raise Refused("PT409")
            payment = Payment(**vars(order))
            sqlstate = self._judge(payment, among=self.rows)
            if sqlstate == "23505" and skip_conflicts:
                continue
            if sqlstate:
                raise Refused(sqlstate)
            added.append(next(ids))
            self.rows[added[-1]] = payment
        self._settle(dict.fromkeys(added, "PENDING"))
        return len(added)

    def move(self, payments: Collection[str], status: str, reference: str | None = None) -> int:
        before = {id: self.rows[id].status for id in payments}
        refusals = set()
        for id in payments:
            moved = replace(self.rows[id], status=status, reference=self.rows[id].reference or reference)
            others = {other: row for other, row in self.rows.items() if other != id}
            if status != before[id] and status not in PAYMENT_STEPS.get(before[id], ()):
                refusals.add("PT409")
            elif sqlstate := self._judge(moved, among=others):
                refusals.add(sqlstate)
            else:
                self.rows[id] = moved
        if refusals:
            raise Refused(*refusals)
        self._settle(before)
        return len(payments)

    def webhook(self, payment: str, event: str, status: str, reference: str | None) -> int:
        seen = (self.rows[payment].provider, event)
        if seen in self.events:
            return 0
        self.events.add(seen)
        return self.move([payment], status, reference)

    def _judge(self, payment: Payment, *, among: Mapping[str, Payment]) -> str | None:
        is_paid = payment.status in PAID
        if is_paid and payment.provider != "MANUAL" and not payment.reference:
            return "23514"
        for other in among.values():
            named = (payment.provider, payment.reference) == (other.provider, other.reference)
            trials = payment.credits == other.credits == 1 and payment.user == other.user
            if (payment.reference and named) or (trials and is_paid and other.status in PAID):
                return "23505"
        return None

    def _settle(self, before: Mapping[str, str]) -> None:
        """Users in order of id, then payments."""
        for id in sorted(before, key=lambda id: (self.rows[id].user, id)):
            payment = self.rows[id]
            if payment.status == before[id]:
                continue
            if payment.status == "COMPLETED":
                self.ledger.post(payment.user, "PURCHASE", payment.credits, payment=id)
            elif payment.status == "REFUNDED":
                shortfall = self.ledger.claw_back(payment.user, id, payment.credits)
                self.rows[id] = replace(payment, shortfall=shortfall)
