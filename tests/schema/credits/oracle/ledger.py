"""Accounts and their entries: the only way in which a balance changes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from credits.snapshot import Account, Entry

BACKEND = "the backend"
"""Who acts; else it is a user, by id."""


class Refused(Exception):  # noqa: N818
    """The statement fails with one of these SQLSTATEs: of several bad rows, any may come first."""

    def __init__(self, *sqlstates: str) -> None:
        super().__init__(*sqlstates)
        self.sqlstates = frozenset(sqlstates)


@dataclass
class Ledger:
    """Accounts by user, entries in the order of posting, and what refunded payments of a user still owe."""

    accounts: dict[str, Account] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    owed: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Ledger:
        return Ledger(self.accounts.copy(), self.entries.copy(), self.owed.copy())

    def may_start(self, user: str) -> bool:
        return self.accounts[user].is_active and not self.accounts[user].is_closed

    def post(
        self, user: str, kind: str, amount: int, *, job: str | None = None, payment: str | None = None
    ) -> None:
        account = self.accounts[user]
        balance = account.credits + amount
        if balance < 0:
            raise Refused("PT402")
        self.entries.append(
            Entry(user=user, type=kind, amount=amount, balance_after=balance, job=job, payment=payment)
        )
        self.accounts[user] = replace(
            account,
            credits=balance,
            purchased=account.purchased + (amount if kind == "PURCHASE" else 0),
            used=account.used - (amount if kind in ("USAGE", "REFUND") else 0),
        )

    def charge(self, user: str, job: str, cost: int) -> None:
        if not self.may_start(user):
            raise Refused("PT403")
        self.post(user, "USAGE", -cost, job=job)

    def refund(self, user: str, job: str) -> None:
        """Return what was charged for a job, if anything was; what the user owes is taken from that."""
        charged = -sum(entry.amount for entry in self.entries if entry.job == job)
        if charged:
            self.post(user, "REFUND", charged, job=job)
            if recovered := min(charged, self.owed.get(user, 0)):
                self.owed[user] -= recovered
                self.post(user, "ADJUSTMENT", -recovered)

    def claw_back(self, user: str, payment: str, credits: int) -> int:
        """Take back what is left of a payment's credits; the shortfall, which the user owes."""
        taken = min(credits, self.accounts[user].credits)
        if taken:
            self.post(user, "ADJUSTMENT", -taken, payment=payment)
        self.owed[user] = self.owed.get(user, 0) + credits - taken
        return credits - taken
