"""Any sequence of statements about credits, by anybody: the database must do what the oracle says."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
)

from credits import pools
from credits.invariants import ENDS, STEPS, find_differences, find_illegal_steps, find_violations
from credits.oracle import AT_WORK, BACKEND, Books, JobOrder, PaymentOrder, Refused
from credits.shop import Said, Shop
from credits.snapshot import read_snapshot
from credits.trespasses import TRESPASSES, USER
from pgassay.database import Session

Rows = list[dict[str, Any]]


def when(claim: Callable[[Books], object]) -> Callable[[Any], Any]:
    """Only once the books are so that the rule may do something."""
    return precondition(lambda machine: claim(machine.books))


class Credits(RuleBasedStateMachine):
    """One example, between a savepoint of the session's transaction and the return to it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._session.execute("savepoint example")
        self.shop, self.books = Shop(session), Books.empty()
        self._before = self.books.snapshot()

    def teardown(self) -> None:
        self._session.execute("rollback to savepoint example")

    def agree(self, said: Said, expect: Callable[[Books], int]) -> None:
        """The database did to the statement what the oracle does, and everything is as the oracle has it."""
        draft = self.books.draft()
        expected = _predict(draft, expect)
        if isinstance(expected, int):
            assert (said.sqlstate, said.touched) == ("", expected), f"{said}, should touch {expected}"
            self.books = draft
        else:
            assert said.sqlstate in expected, f"{said}, should be {' or '.join(sorted(expected))}"
        self._check_books()

    def _check_books(self) -> None:
        self._session.as_owner()
        now = read_snapshot(self._session)
        wrong = find_violations(now) or find_illegal_steps(self._before, now)
        wrong = wrong or find_differences(now, self.books.snapshot())
        assert not wrong, "\n".join(wrong)
        self._before = now

    # Accounts

    @initialize(target=pools.users, credits=st.lists(st.integers(0, 6), min_size=2, max_size=2))
    def open_accounts(self, credits: list[int]) -> MultipleResults[str]:
        new = self._sign_up(len(credits))
        for user, amount in zip(new, credits, strict=True):
            if amount:
                self.grant(user, "BONUS", amount, None)
        return multiple(*new)

    @when(lambda books: len(books.ledger.accounts) < 4)
    @rule(target=pools.users, number=st.integers(1, 2))
    def sign_up(self, number: int) -> MultipleResults[str]:
        return multiple(*self._sign_up(number))

    @when(lambda books: books.ledger.entries)
    @rule(
        user=pools.users,
        how=st.sampled_from(("suspend", "resume", "close", "leave", "delete", "sign up again")),
    )
    def change_account(self, user: str, how: str) -> None:
        match how:
            case "suspend" | "resume":
                active = how == "resume"
                self.agree(self.shop.suspend(user, active), lambda books: books.suspend(user, active))
            case "close":
                self.agree(self.shop.close(user), lambda books: books.close(user))
            case "leave" | "delete":
                for_good = how == "delete"
                said = self.shop.leave(user, for_good=for_good)
                self.agree(said, lambda books: books.leave(user, for_good=for_good))
            case _:
                self.agree(self.shop.sign_up([user]), lambda books: books.sign_up([user]))

    @rule(
        user=pools.users,
        kind=st.sampled_from(("BONUS", "ADJUSTMENT", "PURCHASE", "REFUND")),
        amount=st.integers(-3, 5),
        key=pools.keys,
    )
    def grant(self, user: str, kind: str, amount: int, key: str | None) -> None:
        said = self.shop.grant(user, kind, amount, key)
        self.agree(said, lambda books: books.grant(user, kind, amount, key))

    # Jobs

    @rule(target=pools.jobs, rows=pools.job_rows, skip_conflicts=st.booleans())
    def add_jobs(self, rows: Rows, skip_conflicts: bool) -> MultipleResults[str]:
        return self._add_jobs(BACKEND, rows, skip_conflicts)

    @rule(target=pools.jobs, user=pools.users, rows=pools.job_rows, skip_conflicts=st.booleans())
    def add_own_jobs(self, user: str, rows: Rows, skip_conflicts: bool) -> MultipleResults[str]:
        return self._add_jobs(user, [row | {"user": user} for row in rows], skip_conflicts)

    @rule(target=pools.jobs, by=pools.actors, rows=pools.any_job_rows, skip_conflicts=st.booleans())
    def add_any_jobs(self, by: str, rows: Rows, skip_conflicts: bool) -> MultipleResults[str]:
        return self._add_jobs(by, rows, skip_conflicts)

    @when(lambda books: books.jobs.rows)
    @rule(by=pools.actors, moves=pools.job_moves)
    def move_jobs(self, by: str, moves: list[tuple[str, str]]) -> None:
        self._move_jobs(by, dict(moves))

    @when(lambda books: books.jobs.rows)
    @rule(jobs=pools.some_jobs, steps=st.integers(1, 5))
    def go_on(self, jobs: list[str], steps: int) -> None:
        """Each job so many steps further on the way to COMPLETED."""
        for _ in range(steps):
            rows = self.books.jobs.rows
            self._move_jobs(BACKEND, {job: STEPS.get(rows[job].status, ENDS)[0] for job in jobs})

    @when(lambda books: books.jobs.rows)
    @rule(jobs=pools.some_jobs, own=st.booleans(), status=st.sampled_from(("CANCELLED", "FAILED", "QUEUED")))
    def turn_back(self, jobs: list[str], own: bool, status: str) -> None:
        by = self.books.jobs.rows[jobs[0]].user if own else BACKEND
        self._move_jobs(by, dict.fromkeys(jobs, status))

    @when(lambda books: books.jobs.rows)
    @rule(jobs=pools.some_jobs, cost=st.integers(1, 3))
    def reprice(self, jobs: list[str], cost: int) -> None:
        self.agree(self.shop.reprice(jobs, cost), lambda books: books.jobs.reprice(jobs, cost))

    @rule(job=pools.jobs, progress=st.sampled_from((0, 50, 100)))
    def report(self, job: str, progress: int) -> None:
        self.agree(self.shop.report(job, progress), lambda books: books.jobs.report(job, progress))

    # The queue

    @when(lambda books: "QUEUED" in books.jobs.states())
    @rule(worker=pools.workers, number=st.integers(1, 3))
    def claim(self, worker: str, number: int) -> None:
        said = self.shop.claim(worker, number)
        self.agree(said, lambda books: books.jobs.claim(worker, number, said.ids))

    @when(lambda books: books.jobs.states() & set(AT_WORK))
    @rule(jobs=pools.some_jobs, beats=st.lists(st.tuples(pools.jobs, pools.workers), max_size=2))
    def lose_workers(self, jobs: list[str], beats: list[tuple[str, str]]) -> None:
        """The leases of jobs run out, late heartbeats come, and what is lost is taken back."""
        self.agree(self.shop.expire(jobs), lambda books: books.jobs.expire(jobs))
        for job, worker in beats:
            self.agree(self.shop.beat(job, worker), lambda books, beat=(job, worker): books.jobs.beat(*beat))
        self.agree(self.shop.reclaim(), lambda books: books.jobs.reclaim())

    @when(lambda books: any(place.waits for place in books.jobs.places.values()))
    @rule()
    def wait(self) -> None:
        self.agree(self.shop.wait(), lambda books: books.jobs.wait())

    # Payments

    @rule(target=pools.payments, rows=pools.payment_rows, skip_conflicts=st.booleans())
    def order(self, rows: Rows, skip_conflicts: bool) -> MultipleResults[str]:
        return self._order(rows, skip_conflicts)

    @rule(target=pools.payments, rows=pools.any_payment_rows, skip_conflicts=st.booleans())
    def order_any(self, rows: Rows, skip_conflicts: bool) -> MultipleResults[str]:
        return self._order(rows, skip_conflicts)

    @when(lambda books: books.payments.rows)
    @rule(payments=pools.some_payments, status=pools.payment_states)
    def move_payments(self, payments: list[str], status: str) -> None:
        said = self.shop.move_payments(payments, status)
        self.agree(said, lambda books: books.payments.move(payments, status))

    @rule(
        payment=pools.payments,
        event=pools.events,
        status=pools.payment_states,
        reference=pools.references,
    )
    def webhook(self, payment: str, event: str, status: str, reference: str | None) -> None:
        said = self.shop.webhook(payment, event, status, reference)
        self.agree(said, lambda books: books.payments.webhook(payment, event, status, reference))

    # What is nobody's, or somebody else's

    @when(lambda books: books.ledger.entries)
    @rule(user=pools.users, attempt=st.sampled_from(sorted(TRESPASSES)))
    def trespass(self, user: str, attempt: tuple[str, str]) -> None:
        by, _ = attempt
        query, sqlstate = TRESPASSES[attempt]
        said = self.shop.trespass(user if by == USER else by, query, user)
        self.agree(said, lambda books: books.refuse(sqlstate))

    # What rules share

    def _sign_up(self, number: int) -> list[str]:
        known = len(self.books.ledger.accounts)
        new = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"user {known + n}")) for n in range(number)]
        self.agree(self.shop.sign_up(new), lambda books: books.sign_up(new))
        return new

    def _add_jobs(self, by: str, rows: Rows, skip: bool) -> MultipleResults[str]:
        orders = [JobOrder(**row) for row in rows]
        said = self.shop.add_jobs(by, orders, skip_conflicts=skip)
        self.agree(said, lambda books: books.jobs.add(by, orders, skip_conflicts=skip, ids=_ids(said)))
        return multiple(*said.ids)

    def _order(self, rows: Rows, skip: bool) -> MultipleResults[str]:
        orders = [PaymentOrder(**row) for row in rows]
        said = self.shop.order(orders, skip_conflicts=skip)
        self.agree(said, lambda books: books.payments.order(orders, skip_conflicts=skip, ids=_ids(said)))
        return multiple(*said.ids)

    def _move_jobs(self, by: str, moves: Mapping[str, str]) -> None:
        self.agree(self.shop.move_jobs(by, moves), lambda books: books.jobs.move(by, moves))


def _predict(draft: Books, expect: Callable[[Books], int]) -> int | frozenset[str]:
    """How many rows a statement touches, or the SQLSTATEs with which it may fail."""
    try:
        return expect(draft)
    except Refused as refusal:
        return refusal.sqlstates


def _ids(said: Said) -> Iterator[str]:
    """The ids of new rows; where the database refused them, others for the oracle to go on with."""
    return chain(said.ids, map("row {}".format, count()))
