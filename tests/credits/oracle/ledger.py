"""Accounts and their entries: the only way in which a balance changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.credits.snapshot import Account, Debt, Entry

FULL = 100_000_000
"""No account holds more."""
BACKEND = "the backend"
"""Who acts; else it is a user, by id."""


class Refused(Exception):  # noqa: N818
    """The statement fails with one of these SQLSTATEs: of several bad rows, any may come first."""

    def __init__(self, *sqlstates: str) -> None:
        super().__init__(*sqlstates)
        self.sqlstates = frozenset(sqlstates)


@dataclass
class Ledger:
    """Accounts by user; entries and lines of debts in the order of posting; whose each key is."""

    accounts: dict[str, Account] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    debts: list[Debt] = field(default_factory=list)
    settled: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Ledger:
        return Ledger(self.accounts.copy(), self.entries.copy(), self.debts.copy(), self.settled.copy())

    def may_start(self, user: str) -> bool:
        return self.accounts[user].is_active and not self.accounts[user].is_closed

    def post(self, user: str, kind: str, amount: int, *, is_returned: bool = False, **names: Any) -> None:
        """One entry. What is only returned may fill an account over its bound."""
        account = self.accounts[user]
        balance = account.credits + amount
        if balance < 0:
            raise Refused("PT402")
        if balance > FULL and amount > 0 and not is_returned:
            raise Refused("PT409")
        self.entries.append(Entry(user=user, type=kind, amount=amount, balance_after=balance, **names))
        self.accounts[user] = replace(
            account,
            credits=balance,
            purchased=account.purchased + (amount if kind == "PURCHASE" else 0),
            used=account.used - (amount if kind in ("USAGE", "REFUND") else 0),
        )

    def charge(self, user: str, costs: Mapping[str, int]) -> None:
        """Take the credits of jobs that enter the queue."""
        if not self.may_start(user):
            raise Refused("PT403")
        for job in sorted(costs):
            self.post(user, "USAGE", -costs[job], job=job)

    def refund(self, user: str, jobs: Collection[str]) -> None:
        """Return what was charged for jobs, if anything was; then what is owed is taken from that."""
        charged = [
            (place, e) for place, e in enumerate(self.entries, start=1) if e.job in jobs and e.type == "USAGE"
        ]
        for _, entry in sorted(charged, key=lambda pair: str(pair[1].job)):
            self.post(user, "REFUND", -entry.amount, job=entry.job, is_returned=True)
        taken = 0
        for place, owed in self._open_debts(user):
            # Of what was given back, only what had been spent before this refund.
            after = self.debts[place].after or 0
            spent = -sum(entry.amount for posted, entry in charged if posted <= after)
            if (recovered := min(owed, spent - taken)) > 0:
                self.post(user, "ADJUSTMENT", -recovered, recovered=recovered)
                self.lower(place, "recovered", recovered)
                taken += recovered

    def claw_back(self, user: str, payment: str, credits: int, *, is_partial: bool = False) -> None:
        """Take back credits of a payment as far as they are there; the rest is owed."""
        taken = min(credits, self.accounts[user].credits)
        if taken:
            whole, part = (None, payment) if is_partial else (payment, None)
            self.post(user, "ADJUSTMENT", -taken, payment=whole, about=part)
        if credits > taken:
            places = (place for place, entry in enumerate(self.entries, start=1) if entry.user == user)
            self.debts.append(
                Debt(
                    user=user,
                    payment=payment,
                    kind="shortfall",
                    credits=credits - taken,
                    is_partial=is_partial,
                    after=max(places, default=0),
                )
            )

    def settle(self, user: str, amount: int, key: str | None) -> int:
        """Support: a debt was paid otherwise, or is forgiven."""
        if key in self.settled:
            if self.settled[key] != user:
                raise Refused("PT409")
            return 1
        debts = self._open_debts(user)
        if amount < 1:
            raise Refused("22023")
        if amount > sum(owed for _, owed in debts):
            raise Refused("PT409")
        if key:
            self.settled[key] = user
        for place, owed in debts:
            if part := min(owed, amount):
                self.lower(place, "settled", part, key)
                amount, key = amount - part, None
        return 1

    def reinstate(self, user: str, payment: str) -> int:
        """A dispute is won: nothing is owed any more; what was taken, which the user gets back."""
        own = {
            place
            for place, line in enumerate(self.debts)
            if line.payment == payment and line.kind == "shortfall" and not line.is_partial
        }
        clawed = -sum(e.amount for e in self.entries if e.payment == payment and e.type == "ADJUSTMENT")
        returned = clawed + sum(d.credits for d in self.debts if d.kind == "recovered" and d.lowers in own)
        for place, owed in self._open_debts(user):
            if place in own:
                self.lower(place, "settled", owed)
        if returned:
            self.post(user, "ADJUSTMENT", returned, about=payment)
        return returned

    def owed_of(self, payment: str) -> int:
        lines = (line for line in self.debts if line.payment == payment)
        return sum(line.credits if line.kind == "shortfall" else -line.credits for line in lines)

    def lower(self, place: int, kind: str, credits: int, key: str | None = None) -> None:
        user, payment = self.debts[place].user, self.debts[place].payment
        self.debts.append(Debt(user=user, payment=payment, kind=kind, credits=credits, lowers=place, key=key))

    def _open_debts(self, user: str) -> list[tuple[int, int]]:
        """The places of shortfalls of which something is owed, the oldest first, and how much."""
        debts = [
            (place, line.credits - sum(lower.credits for lower in self.debts if lower.lowers == place))
            for place, line in enumerate(self.debts)
            if line.user == user and line.kind == "shortfall"
        ]
        return [(place, owed) for place, owed in debts if owed > 0]
