"""Any sequence of statements about credits, by anybody: the database must do what the oracle says."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count
from operator import itemgetter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
)

from credits.invariants import (
    BEGINNINGS,
    ENDS,
    STEPS,
    find_differences,
    find_illegal_steps,
    find_violations,
)
from credits.oracle import AT_WORK, BACKEND, Books, JobOrder, PaymentOrder, Refused
from credits.shop import Said, Shop
from credits.snapshot import read_snapshot
from credits.trespasses import TRESPASSES, USER
from pgassay.database import Session

STATES = (*STEPS, *ENDS)
PAYMENT_STATES = ("COMPLETED", "FAILED", "REFUNDED", "CANCELLED", "PENDING")
FORWARD = {
    "PENDING": "QUEUED",
    "UPLOADING": "QUEUED",
    "QUEUED": "TRANSCRIBING",
    "TRANSCRIBING": "ANALYZING",
    "ANALYZING": "RENDERING",
    "RENDERING": "COMPLETED",
}

users, jobs, payments = Bundle("users"), Bundle("jobs"), Bundle("payments")
some_jobs = st.lists(jobs, min_size=1, max_size=3, unique=True)
who = st.just(BACKEND) | users
states = st.sampled_from(STATES)
workers = st.sampled_from(("worker-1", "worker-2"))
references = st.sampled_from(("tx-1", "tx-2", "tx-3", "tx-4")) | st.none()


def rows(**columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """One to three rows, as dictionaries: in those, a falsifying example calls users by their names."""
    return st.lists(st.fixed_dictionaries(columns), min_size=1, max_size=3)


job_rows = {
    "user": users,
    "status": st.sampled_from(("QUEUED", *BEGINNINGS)),
    "cost": st.integers(1, 3),
    "priority": st.integers(0, 1),
    "max_retries": st.integers(0, 1),
    "request": st.none() | st.sampled_from(("click-1", "click-2")),
}
payment_rows = {
    "user": users,
    "provider": st.sampled_from(("STRIPE", "PROMPTPAY", "TRUEMONEY", "MANUAL")),
    "credits": st.sampled_from((3, 1, 10)),
    "status": st.sampled_from(("COMPLETED", "PENDING", "FAILED")),
    "reference": references,
}


def when(claim: Callable[[Books], object]) -> Callable[[Any], Any]:
    """Only once the books are so that the rule may do something."""
    return precondition(lambda machine: claim(machine.books))


class Credits(RuleBasedStateMachine):
    """One example, between a savepoint of the session's transaction and the return to it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._session.execute("savepoint example")
        self.shop, self.books = Shop(session), Books()
        self._before = self.books.snapshot()

    def teardown(self) -> None:
        self._session.execute("rollback to savepoint example")

    def agree(self, said: Said, expect: Callable[[Books], int]) -> None:
        """The database did to the statement what the oracle does, and everything is as the oracle has it."""
        draft = self.books.draft()
        try:
            rows = expect(draft)
        except Refused as refusal:
            assert said.sqlstate in refusal.sqlstates, f"{said}, should be {refusal}"
        else:
            assert (said.sqlstate, said.rows) == ("", rows), f"{said}, should be {rows} rows"
            self.books = draft
        self._check_books()

    def _check_books(self) -> None:
        now = read_snapshot(self._session)
        wrong = find_violations(now) or find_illegal_steps(self._before, now)
        wrong = wrong or find_differences(now, self.books.snapshot())
        assert not wrong, "\n".join(wrong)
        self._before = now

    # Accounts

    @initialize(target=users, credits=st.lists(st.integers(0, 6), min_size=2, max_size=2))
    def open_accounts(self, credits: list[int]) -> MultipleResults[str]:
        new = self._sign_up(len(credits))
        for user, amount in zip(new, credits, strict=True):
            if amount:
                self.grant(user, "BONUS", amount, None)
        return multiple(*new)

    @when(lambda books: len(books.accounts) < 4)
    @rule(target=users, number=st.integers(1, 2))
    def sign_up(self, number: int) -> MultipleResults[str]:
        return multiple(*self._sign_up(number))

    @when(lambda books: books.entries)
    @rule(user=users, how=st.sampled_from(("suspend", "resume", "close", "leave", "delete", "sign up again")))
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
        user=users,
        kind=st.sampled_from(("BONUS", "ADJUSTMENT", "PURCHASE", "REFUND")),
        amount=st.integers(-3, 5),
        key=st.none() | st.sampled_from(("key-1", "key-2")),
    )
    def grant(self, user: str, kind: str, amount: int, key: str | None) -> None:
        said = self.shop.grant(user, kind, amount, key)
        self.agree(said, lambda books: books.grant(user, kind, amount, key))

    # Jobs

    @rule(target=jobs, rows=rows(**job_rows), skip_conflicts=st.booleans())
    def add_jobs(self, rows: list[dict[str, Any]], skip_conflicts: bool) -> MultipleResults[str]:
        return self._add_jobs(BACKEND, rows, skip_conflicts)

    @rule(target=jobs, user=users, rows=rows(**job_rows), skip_conflicts=st.booleans())
    def add_own_jobs(
        self, user: str, rows: list[dict[str, Any]], skip_conflicts: bool
    ) -> MultipleResults[str]:
        return self._add_jobs(user, [row | {"user": user} for row in rows], skip_conflicts)

    @rule(target=jobs, by=who, rows=rows(**job_rows | {"status": states}), skip_conflicts=st.booleans())
    def add_any_jobs(self, by: str, rows: list[dict[str, Any]], skip_conflicts: bool) -> MultipleResults[str]:
        return self._add_jobs(by, rows, skip_conflicts)

    @when(lambda books: books.jobs)
    @rule(by=who, moves=st.lists(st.tuples(jobs, states), min_size=1, max_size=3, unique_by=itemgetter(0)))
    def move_jobs(self, by: str, moves: list[tuple[str, str]]) -> None:
        self._move_jobs(by, dict(moves))

    @when(lambda books: books.jobs)
    @rule(chosen=some_jobs, steps=st.integers(1, 5))
    def go_on(self, chosen: list[str], steps: int) -> None:
        """Each job so many steps further on the way to COMPLETED."""
        for _ in range(steps):
            found = self.books.jobs
            self._move_jobs(BACKEND, {job: FORWARD.get(found[job].status, "COMPLETED") for job in chosen})

    @when(lambda books: books.jobs)
    @rule(chosen=some_jobs, own=st.booleans(), status=st.sampled_from(("CANCELLED", "FAILED", "QUEUED")))
    def turn_back(self, chosen: list[str], own: bool, status: str) -> None:
        by = self.books.jobs[chosen[0]].user if own else BACKEND
        self._move_jobs(by, dict.fromkeys(chosen, status))

    @when(lambda books: books.jobs)
    @rule(chosen=some_jobs, cost=st.integers(1, 3))
    def reprice(self, chosen: list[str], cost: int) -> None:
        self.agree(self.shop.reprice(chosen, cost), lambda books: books.reprice(chosen, cost))

    @rule(job=jobs, progress=st.sampled_from((0, 50, 100)))
    def report(self, job: str, progress: int) -> None:
        self.agree(self.shop.report(job, progress), lambda books: books.report(job, progress))

    # The queue

    @when(lambda books: "QUEUED" in books.states())
    @rule(worker=workers, number=st.integers(1, 3))
    def claim(self, worker: str, number: int) -> None:
        said = self.shop.claim(worker, number)
        self.agree(said, lambda books: books.claim(worker, number, said.ids))

    @when(lambda books: books.states() & set(AT_WORK))
    @rule(chosen=some_jobs, beats=st.lists(st.tuples(jobs, workers), max_size=2))
    def lose_workers(self, chosen: list[str], beats: list[tuple[str, str]]) -> None:
        """The leases of jobs run out, late heartbeats come, and what is lost is taken back."""
        self.agree(self.shop.expire(chosen), lambda books: books.expire(chosen))
        for job, worker in beats:
            self.agree(self.shop.beat(job, worker), lambda books, beat=(job, worker): books.beat(*beat))
        self.agree(self.shop.reclaim(), Books.reclaim)

    @when(lambda books: any(place.waits for place in books.places.values()))
    @rule()
    def wait(self) -> None:
        self.shop.wait()
        self.books.wait()

    # Payments

    @rule(target=payments, rows=rows(**payment_rows), skip_conflicts=st.booleans())
    def order(self, rows: list[dict[str, Any]], skip_conflicts: bool) -> MultipleResults[str]:
        orders = [PaymentOrder(**row) for row in rows]
        said = self.shop.order(orders, skip_conflicts=skip_conflicts)
        self.agree(said, lambda books: books.order(orders, skip_conflicts=skip_conflicts, ids=_ids(said)))
        return multiple(*said.ids)

    @when(lambda books: books.payments)
    @rule(
        chosen=st.lists(payments, min_size=1, max_size=3, unique=True),
        status=st.sampled_from(PAYMENT_STATES),
    )
    def move_payments(self, chosen: list[str], status: str) -> None:
        self.agree(self.shop.move_payments(chosen, status), lambda books: books.move_payments(chosen, status))

    @rule(
        payment=payments,
        event=st.sampled_from(("event-1", "event-2", "event-3")),
        status=st.sampled_from(PAYMENT_STATES),
        reference=references,
    )
    def webhook(self, payment: str, event: str, status: str, reference: str | None) -> None:
        said = self.shop.webhook(payment, event, status, reference)
        self.agree(said, lambda books: books.webhook(payment, event, status, reference))

    # What is nobody's, or somebody else's

    @when(lambda books: books.entries)
    @rule(user=users, attempt=st.sampled_from(sorted(TRESPASSES)))
    def trespass(self, user: str, attempt: tuple[str, str]) -> None:
        by, _ = attempt
        query, sqlstate = TRESPASSES[attempt]
        said = self.shop.trespass(user if by == USER else by, query, user)
        self.agree(said, _refuse(sqlstate))

    # What the rules share

    def _sign_up(self, number: int) -> list[str]:
        known = len(self.books.accounts)
        new = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"user {known + n}")) for n in range(number)]
        self.agree(self.shop.sign_up(new), lambda books: books.sign_up(new))
        return new

    def _add_jobs(self, by: str, rows: list[dict[str, Any]], skip_conflicts: bool) -> MultipleResults[str]:
        orders = [JobOrder(**row) for row in rows]
        said = self.shop.add_jobs(by, orders, skip_conflicts=skip_conflicts)
        self.agree(
            said, lambda books: books.add_jobs(by, orders, skip_conflicts=skip_conflicts, ids=_ids(said))
        )
        return multiple(*said.ids)

    def _move_jobs(self, by: str, moves: Mapping[str, str]) -> None:
        self.agree(self.shop.move_jobs(by, moves), lambda books: books.move_jobs(by, moves))


def _refuse(sqlstate: str) -> Callable[[Books], int]:
    def refuse(_: Books) -> int:
        raise Refused(sqlstate)

    return refuse


def _ids(said: Said) -> Iterator[str]:
    """The ids of new rows; where the database refused them, others for the oracle to go on with."""
    return chain(said.ids, map("row {}".format, count()))
