"""What credits are, in plain Python: which statement must be refused, and what every other must do.

Written from the specification, without SQL. Ids come from the database, nothing else does. Each method that
says how many rows it touches is a statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from tests.credits.oracle.jobs import AT_WORK, FIRST, TIERS, JobOrder, Jobs
from tests.credits.oracle.ledger import BACKEND, FULL, Ledger, Refused
from tests.credits.oracle.payments import PaymentOrder, Payments
from tests.credits.snapshot import Account, Snapshot

MOST_GRANTED = 1_000_000
"""Support gives and takes no more at once."""

__all__ = ["AT_WORK", "BACKEND", "FIRST", "FULL", "TIERS", "Books", "JobOrder", "PaymentOrder", "Refused"]


@dataclass
class Books:
    """The whole state. A statement that must fail raises Refused and leaves it half done: use a `draft`."""

    ledger: Ledger
    jobs: Jobs
    payments: Payments
    sign_ins: dict[str, bool] = field(default_factory=dict)
    grants: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Self:
        ledger = Ledger()
        return cls(ledger, Jobs(ledger), Payments(ledger))

    def draft(self) -> Books:
        """A copy for the next statement."""
        ledger = self.ledger.copy()
        jobs, payments = self.jobs.draft(ledger), self.payments.draft(ledger)
        return Books(ledger, jobs, payments, self.sign_ins.copy(), self.grants.copy())

    def snapshot(self) -> Snapshot:
        return Snapshot(
            accounts=self.ledger.accounts,
            jobs=self.jobs.rows,
            payments=self.payments.told(),
            entries=tuple(self.ledger.entries),
            debts=tuple(self.ledger.debts),
            parts=self.payments.parts,
            trials=len(self.payments.takers),
        )

    def refuse(self, sqlstate: str) -> int:
        """A statement that is not for whoever makes it."""
        raise Refused(sqlstate)

    def sign_up(self, users: Sequence[str], person: str | None) -> int:
        """New sign-ins of one person, or of guests. An account that was closed stays closed."""
        if any(user in self.sign_ins for user in users):
            raise Refused("23505")
        for user in users:
            self.sign_ins[user] = True
            if person:
                self.payments.persons[user] = person
            self.ledger.accounts.setdefault(user, Account())
        return len(users)

    def suspend(self, user: str, active: bool) -> int:
        accounts = self.ledger.accounts
        accounts[user] = replace(accounts[user], is_active=active)
        return 1

    def close(self, user: str) -> int:
        """The backend, the user or the auth server closes the account; what is personal in it is erased."""
        accounts = self.ledger.accounts
        self.jobs.cancel_all(user)
        accounts[user] = replace(accounts[user], is_closed=True, is_active=False)
        self.jobs.erase(user)
        return 1

    def leave(self, user: str, *, for_good: bool) -> int:
        """The auth server marks its user deleted, or deletes it."""
        if user not in self.sign_ins:
            return 0
        if self.sign_ins[user] or for_good:
            self.close(user)
        self.sign_ins[user] = False
        if for_good:
            del self.sign_ins[user]
            self.payments.persons.pop(user, None)
        return 1

    def reopen(self, user: str) -> int:
        """Support opens a closed account again, if its sign-in is there."""
        if not (self.sign_ins.get(user) and self.ledger.accounts[user].is_closed):
            return 0
        self.ledger.accounts[user] = replace(self.ledger.accounts[user], is_closed=False, is_active=True)
        return 1

    def grant(self, user: str, kind: str, amount: int, key: str | None) -> int:
        if kind not in ("BONUS", "ADJUSTMENT") or amount == 0 or (kind == "BONUS" and amount < 0):
            raise Refused("22023")
        if abs(amount) > MOST_GRANTED:
            raise Refused("22023")
        if self.ledger.accounts[user].is_closed:
            raise Refused("PT404")
        if key in self.grants:
            if self.grants[key] != (user, kind, amount):
                raise Refused("PT409")
            return 1
        self.ledger.post(user, kind, amount)
        if key:
            self.grants[key] = (user, kind, amount)
        return 1

    def fill(self, user: str, amount: int) -> int:
        """The owner posts a bonus of any size."""
        self.ledger.post(user, "BONUS", amount)
        return 1
