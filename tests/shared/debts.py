"""What a user owes after refunds: the calls, what the database says, and the same told without SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pgassay.database import Session
from pgassay.observation import Attempt
from tests.shared.accounts import SERVICE
from tests.shared.payments import SET_STATUS

KINDS = """
    select
        coalesce(sum(credits) filter (where kind = 'shortfall'), 0)::int as shortfall,
        coalesce(sum(credits) filter (where kind = 'recovered'), 0)::int as recovered,
        coalesce(sum(credits) filter (where kind = 'settled'), 0)::int as settled
    from private.debts where user_id = %s
"""
END_JOBS = "update public.jobs set status = %s where id = any(%s::uuid[])"


def owed(session: Session, user: str | None) -> int:
    with session.act_as(SERVICE):
        return int(session.value("select public.credits_owed(%s)", [user]))


def settle(session: Session, user: str | None, amount: int | None, key: str | None = None) -> Attempt:
    with session.act_as(SERVICE):
        query = "select public.settle_debt(%s, %s, 'Paid in cash', %s) as owed"
        return session.attempt(query, [user, amount, key])


def refund_part(session: Session, payment: str, credits: int | None, key: str | None) -> Attempt:
    with session.act_as(SERVICE):
        query = "select public.refund_partially(%s, %s, 'Half back', %s) as taken"
        return session.attempt(query, [payment, credits, key])


def reinstate(session: Session, payment: str) -> Attempt:
    with session.act_as(SERVICE):
        return session.attempt("select public.reinstate_payment(%s) as given", [payment])


def refund(session: Session, payment: str) -> None:
    with session.act_as(SERVICE):
        assert session.execute(SET_STATUS, ["REFUNDED", payment]).rowcount == 1


def end_jobs(session: Session, jobs: Sequence[str], status: str = "FAILED") -> None:
    """In one statement."""
    with session.act_as(SERVICE):
        assert session.execute(END_JOBS, [status, list(jobs)]).rowcount == len(jobs)


def read_kinds(session: Session, user: str | None) -> dict[str, Any]:
    with session.as_owner():
        return session.execute(KINDS, [user]).rows[0]


def read_shortfalls(session: Session, user: str | None) -> dict[str, int]:
    """By payment, what metadata.shortfall says; 0 where it says nothing."""
    query = "select id::text, coalesce((metadata ->> 'shortfall')::int, 0) as n from public.payments"
    with session.act_as(SERVICE):
        rows = session.execute(f"{query} where user_id = %s", [user]).rows
    return {row["id"]: row["n"] for row in rows}


@dataclass(kw_only=True)
class Sale:
    """A payment of the model."""

    credits: int
    refunded_in_part: int = 0
    is_refunded: bool = False
    clawed_back: int = 0
    recovered: int = 0
    is_reinstated: bool = False


@dataclass(kw_only=True)
class Debt:
    """What one refund could not take; `moment` is when."""

    payment: str
    moment: int
    owed: int
    is_partial: bool


@dataclass(kw_only=True)
class Model:
    """One user's credits and debts. Every method does what the schema should, and returns what it should."""

    balance: int = 0
    clock: int = 0
    sales: dict[str, Sale] = field(default_factory=dict)
    jobs: dict[str, tuple[int, int]] = field(default_factory=dict)
    debts: list[Debt] = field(default_factory=list)

    def shortfalls(self) -> dict[str, int]:
        return {
            payment: sum(debt.owed for debt in self.debts if debt.payment == payment)
            for payment in self.sales
        }

    def owed(self) -> int:
        return sum(debt.owed for debt in self.debts)

    def tick(self, credits: int) -> None:
        self.clock += 1
        self.balance += credits

    def queue(self, job: str, cost: int) -> None:
        self.tick(-cost)
        self.jobs[job] = (cost, self.clock)

    def end(self, jobs: Sequence[str]) -> None:
        ended = [self.jobs.pop(job) for job in jobs]
        for cost, _ in ended:
            self.tick(cost)
        taken = 0
        for debt in self.debts:
            spent_before = sum(cost for cost, moment in ended if moment <= debt.moment)
            part = max(0, min(debt.owed, spent_before - taken))
            debt.owed -= part
            taken += part
            self.balance -= part
            self.sales[debt.payment].recovered += 0 if debt.is_partial else part
        self.clock += 1

    def take(self, payment: str, due: int, *, is_partial: bool) -> int:
        taken = min(self.balance, due)
        self.tick(-taken)
        if due > taken:
            self.debts.append(
                Debt(payment=payment, moment=self.clock, owed=due - taken, is_partial=is_partial)
            )
        return taken

    def refund_part(self, payment: str, credits: int) -> int | None:
        """None: refused."""
        sale = self.sales[payment]
        if sale.is_refunded or credits >= sale.credits - sale.refunded_in_part:
            return None
        sale.refunded_in_part += credits
        return self.take(payment, credits, is_partial=True)

    def refund(self, payment: str) -> None:
        sale = self.sales[payment]
        sale.is_refunded = True
        sale.clawed_back = self.take(payment, sale.credits - sale.refunded_in_part, is_partial=False)

    def settle(self, amount: int) -> int | None:
        """None: refused."""
        if amount > self.owed():
            return None
        for debt in self.debts:
            part = min(debt.owed, amount)
            debt.owed -= part
            amount -= part
        return self.owed()

    def reinstate(self, payment: str) -> int | None:
        """None: refused."""
        sale = self.sales[payment]
        if not sale.is_refunded:
            return None
        if sale.is_reinstated:
            return 0
        sale.is_reinstated = True
        for debt in self.debts:
            if debt.payment == payment and not debt.is_partial:
                debt.owed = 0
        given = sale.clawed_back + sale.recovered
        self.tick(given)
        return given
