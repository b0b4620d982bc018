"""Payments: their states, and the credits that come and go with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.credits.invariants import PAYMENT_BEGINNINGS, PAYMENT_STEPS
from tests.credits.oracle.ledger import Ledger, Refused
from tests.credits.snapshot import Part, Payment

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
    """Rows by id; the events, by provider and key, that were seen; partial refunds by key; disputes won.

    `persons` are who stands behind a sign-in, `takers` those of them who had the free trial.
    """

    ledger: Ledger
    rows: dict[str, Payment] = field(default_factory=dict)
    events: set[tuple[str, str]] = field(default_factory=set)
    parts: dict[str, Part] = field(default_factory=dict)
    won: set[str] = field(default_factory=set)
    persons: dict[str, str] = field(default_factory=dict)
    takers: set[str] = field(default_factory=set)

    def draft(self, ledger: Ledger) -> Payments:
        return Payments(
            ledger,
            self.rows.copy(),
            self.events.copy(),
            self.parts.copy(),
            self.won.copy(),
            self.persons.copy(),
            self.takers.copy(),
        )

    def told(self) -> dict[str, Payment]:
        """The rows, each saying what is owed of it."""
        return {id: replace(row, shortfall=self.ledger.owed_of(id)) for id, row in self.rows.items()}

    def order(self, orders: Iterable[PaymentOrder], *, skip_conflicts: bool, ids: Iterator[str]) -> int:
        added = []
        for order in orders:
            payment = Payment(**vars(order))
            if order.status not in PAYMENT_BEGINNINGS and not self._find_namesake(payment, among=self.rows):
                raise Refused("PT409")
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

    def refund_partially(self, payment: str, credits: int, key: str) -> int:
        row, part = self.rows[payment], Part(payment=payment, credits=credits)
        if key in self.parts:
            if self.parts[key] != part:
                raise Refused("PT409")
            return 1
        if credits < 1:
            raise Refused("22023")
        if row.status != "COMPLETED" or credits >= self._left(payment):
            raise Refused("PT409")
        self.ledger.claw_back(row.user, payment, credits, is_partial=True)
        self.parts[key] = part
        return 1

    def reinstate(self, payment: str) -> int:
        if self.rows[payment].status != "REFUNDED":
            raise Refused("PT409")
        if payment not in self.won and self.ledger.reinstate(self.rows[payment].user, payment):
            self.won.add(payment)
        return 1

    def _left(self, payment: str) -> int:
        """What of a payment was not refunded in parts."""
        parts = sum(part.credits for part in self.parts.values() if part.payment == payment)
        return self.rows[payment].credits - parts

    def _find_namesake(self, payment: Payment, *, among: Mapping[str, Payment]) -> bool:
        names = {(other.provider, other.reference) for other in among.values() if other.reference}
        return (payment.provider, payment.reference) in names

    def _judge(self, payment: Payment, *, among: Mapping[str, Payment]) -> str | None:
        is_paid = payment.status in PAID
        if is_paid and payment.provider != "MANUAL" and not payment.reference:
            return "23514"
        if self._find_namesake(payment, among=among):
            return "23505"
        for other in among.values():
            trials = payment.credits == other.credits == 1 and payment.user == other.user
            if trials and is_paid and other.status in PAID:
                return "23505"
        return None

    def _settle(self, before: Mapping[str, str]) -> None:
        """Users in order of id, then payments."""
        refusals: set[str] = set()
        for id in sorted(before, key=lambda id: (self.rows[id].user, id)):
            payment = self.rows[id]
            if payment.status == before[id]:
                continue
            if payment.status == "COMPLETED":
                refusals |= self._complete(id, payment)
            elif payment.status == "REFUNDED":
                self.ledger.claw_back(payment.user, id, self._left(id))
        if refusals:
            raise Refused(*refusals)

    def _complete(self, id: str, payment: Payment) -> set[str]:
        """Post the credits; why not, if it can not be."""
        try:
            if payment.credits == 1:
                self._take_trial(payment.user)
            self.ledger.post(payment.user, "PURCHASE", payment.credits, payment=id)
            self._refuse_double_sale(id, payment)
        except Refused as refused:
            return set(refused.sqlstates)
        return set()

    def _take_trial(self, user: str) -> None:
        """One free trial for each person, whatever the account; none for guests, and for who has left."""
        person = self.persons.get(user)
        if not person:
            raise Refused("PT403")
        if person in self.takers:
            raise Refused("PT409")
        self.takers.add(person)

    def _refuse_double_sale(self, id: str, payment: Payment) -> None:
        """What support enters twice within a minute, which all of an example is, was a double click."""
        if payment.provider != "MANUAL" or payment.reference:
            return
        same = (
            replace(other, status=payment.status)
            for key, other in self.rows.items()
            if key != id and other.status in PAID
        )
        if payment in same:
            raise Refused("PT409")
