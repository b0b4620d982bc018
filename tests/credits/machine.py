"""Any sequence of statements about credits, by anybody: the database must do what the oracle says."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
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

from pgassay.database import Session
from tests.credits import pools
from tests.credits.forbidden_statements import FORBIDDEN, USER
from tests.credits.invariants import (
    BEGINNINGS,
    ENDS,
    STEPS,
    find_differences,
    find_illegal_steps,
    find_violations,
)
from tests.credits.oracle import AT_WORK, BACKEND, FIRST, FULL, TIERS, Books, JobOrder, PaymentOrder, Refused
from tests.credits.snapshot import read_snapshot
from tests.credits.sql_calls import Answer, SqlCalls

Rows = list[dict[str, Any]]
MOST_COST = 1000
"""No job costs more."""


def beat_once(job: str, worker: str, books: Books) -> int:
    return books.jobs.beat(job, worker)


def when(claim: Callable[[Books], object]) -> Callable[[Any], Any]:
    """Only once the books are so that the rule may do something."""
    return precondition(lambda machine: bool(claim(machine.books)))


class Credits(RuleBasedStateMachine):
    """One example, between a savepoint of the session's transaction and the return to it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._session.execute("savepoint example")
        self.database, self.books = SqlCalls(session), Books.empty()
        self._before = self.books.snapshot()

    def teardown(self) -> None:
        self._session.execute("rollback to savepoint example")

    def agree(self, answer: Answer, expect: Callable[[Books], int]) -> None:
        """The database did to the statement what the oracle does, and everything is as the oracle has it."""
        draft = self.books.draft()
        expected = _predict(draft, expect)
        if isinstance(expected, int):
            assert (answer.sqlstate, answer.touched) == ("", expected), f"{answer}, should touch {expected}"
            self.books = draft
        else:
            assert answer.sqlstate in expected, f"{answer}, should be {' or '.join(sorted(expected))}"
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
        new = self._sign_up(len(credits), "somebody")
        for user, amount in zip(new, credits, strict=True):
            if amount:
                self.grant(user, "BONUS", amount, None)
        return multiple(*new)

    @when(lambda books: len(books.ledger.accounts) < 4)
    @rule(target=pools.users, number=st.integers(1, 2), person=pools.persons)
    def sign_up(self, number: int, person: str | None) -> MultipleResults[str]:
        return multiple(*self._sign_up(number, person))

    @when(lambda books: books.ledger.entries)
    @rule(
        user=pools.users,
        how=st.sampled_from(
            ("suspend", "resume", "close", "close mine", "leave", "delete", "sign up again", "reopen")
        ),
    )
    def change_account(self, user: str, how: str) -> None:
        match how:
            case "suspend" | "resume":
                active = how == "resume"
                self.agree(self.database.suspend(user, active), lambda books: books.suspend(user, active))
            case "close":
                self.agree(self.database.close(user), lambda books: books.close(user))
            case "leave" | "delete":
                for_good = how == "delete"
                answer = self.database.leave(user, for_good=for_good)
                self.agree(answer, lambda books: books.leave(user, for_good=for_good))
            case "close mine":
                self.agree(self.database.close_own(user), lambda books: books.close(user))
            case "reopen":
                self.agree(self.database.reopen(user), lambda books: books.reopen(user))
            case _:
                answer = self.database.sign_up([user], "somebody")
                self.agree(answer, lambda books: books.sign_up([user], "somebody"))

    @rule(user=pools.users, tier=st.sampled_from(sorted(TIERS)))
    def set_tier(self, user: str, tier: str) -> None:
        self.agree(self.database.set_tier(user, tier), lambda books: books.jobs.set_tier(user, tier))

    @rule(
        user=pools.users,
        kind=st.sampled_from(("BONUS", "ADJUSTMENT", "PURCHASE", "REFUND")),
        amount=pools.amounts,
        key=pools.keys,
    )
    def grant(self, user: str, kind: str, amount: int, key: str | None) -> None:
        answer = self.database.grant(user, kind, amount, key)
        self.agree(answer, lambda books: books.grant(user, kind, amount, key))

    @rule(user=pools.users, less=st.integers(-1, 3))
    def fill(self, user: str, less: int) -> None:
        """An account is full, or nearly, or would be more than full."""
        if amount := max(FULL - self.books.ledger.accounts[user].credits - less, 0):
            self.agree(self.database.fill(user, amount), lambda books: books.fill(user, amount))

    # Jobs

    @when(lambda books: len(books.jobs.rows) < 250)
    @rule(user=pools.users, number=pools.crowds, status=st.sampled_from(("PENDING", "QUEUED")))
    def crowd(self, user: str, number: int, status: str) -> None:
        """One user, very many jobs."""
        order = JobOrder(user=user, status=status, cost=1, priority=0, max_retries=0, request=None)
        self._add_orders(BACKEND, [order] * number, skip=False)

    @when(lambda books: books.jobs.rows)
    @rule(user=pools.users)
    def cancel_all(self, user: str) -> None:
        """All that the user may still cancel."""
        rows = self.books.jobs.rows
        own = [id for id, job in rows.items() if job.user == user and job.status in BEGINNINGS]
        self._move_jobs(user, dict.fromkeys(own, "CANCELLED"))

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
        self.agree(self.database.reprice(jobs, cost), lambda books: books.jobs.reprice(jobs, cost))

    @when(lambda books: books.jobs.rows)
    @rule(jobs=pools.some_jobs)
    def attach(self, jobs: list[str]) -> None:
        self.agree(self.database.attach(jobs), lambda books: books.jobs.attach(jobs))

    @rule(job=pools.jobs, progress=st.sampled_from((0, 50, 100)))
    def report(self, job: str, progress: int) -> None:
        self.agree(self.database.report(job, progress), lambda books: books.jobs.report(job, progress))

    # The queue

    @when(lambda books: "QUEUED" in books.jobs.states())
    @rule(target=pools.attempts, worker=pools.workers, number=st.integers(1, 3) | st.just(15))
    def claim(self, worker: str, number: int) -> MultipleResults[tuple[str, str]]:
        answer = self.database.claim(worker, number)
        self.agree(answer, lambda books: books.jobs.claim(worker, number, answer.ids, answer.tokens))
        return multiple(*zip(answer.ids, answer.tokens, strict=True))

    @rule(attempt=pools.attempts, stage=st.none() | st.sampled_from(AT_WORK))
    def heartbeat(self, attempt: tuple[str, str], stage: str | None) -> None:
        answer = self.database.heartbeat(*attempt, stage)
        self.agree(answer, lambda books: books.jobs.heartbeat(*attempt, stage))

    @rule(attempt=pools.attempts)
    def work(self, attempt: tuple[str, str]) -> None:
        """All of an attempt: to its end, if it is not over."""
        for stage in AT_WORK[1:]:
            self.heartbeat(attempt, stage)
        self.complete(attempt)

    @rule(attempt=pools.attempts)
    def complete(self, attempt: tuple[str, str]) -> None:
        self.agree(self.database.complete(*attempt), lambda books: books.jobs.complete(*attempt))

    @rule(attempt=pools.attempts, retry=st.booleans())
    def fail(self, attempt: tuple[str, str], retry: bool) -> None:
        self.agree(self.database.fail(*attempt, retry), lambda books: books.jobs.fail(*attempt, retry))

    @when(lambda books: books.jobs.states() & set(AT_WORK))
    @rule(jobs=pools.some_jobs, beats=st.lists(st.tuples(pools.jobs, pools.workers), max_size=2))
    def lose_workers(self, jobs: list[str], beats: list[tuple[str, str]]) -> None:
        """The leases of jobs run out, late heartbeats come, and what is lost is taken back."""
        jobs = jobs[:1] if self._is_crowded() else jobs
        self.agree(self.database.expire(jobs), lambda books: books.jobs.expire(jobs))
        for job, worker in beats:
            self.agree(self.database.beat(job, worker), partial(beat_once, job, worker))
        self.agree(self.database.reclaim(), lambda books: books.jobs.reclaim())

    @when(lambda books: any(place.waits for place in books.jobs.places.values()))
    @rule()
    def wait(self) -> None:
        self.agree(self.database.wait(), lambda books: books.jobs.wait())

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
        answer = self.database.move_payments(payments, status)
        self.agree(answer, lambda books: books.payments.move(payments, status))

    @rule(
        payment=pools.payments,
        event=pools.events,
        status=pools.payment_states,
        reference=pools.references,
    )
    def webhook(self, payment: str, event: str, status: str, reference: str | None) -> None:
        answer = self.database.webhook(payment, event, status, reference)
        self.agree(answer, lambda books: books.payments.webhook(payment, event, status, reference))

    # Debts

    @rule(target=pools.payments, user=pools.users)
    def spend_and_refund(self, user: str) -> MultipleResults[str]:
        """A sale, of which all is spent before its refund."""
        reference = f"spent-{len(self.books.payments.rows)}"
        row = {
            "user": user,
            "provider": "STRIPE",
            "credits": 3,
            "status": "COMPLETED",
            "reference": reference,
        }
        sales = self._order([row], skip=False)
        cost = self.books.ledger.accounts[user].credits
        if sales.values and cost <= MOST_COST:
            order = JobOrder(user=user, status="QUEUED", cost=cost, priority=0, max_retries=0, request=None)
            self._add_orders(BACKEND, [order], skip=False)
        self.refund(list(sales.values))
        return sales

    @when(lambda books: books.payments.rows)
    @rule(payments=pools.some_payments)
    def refund(self, payments: list[str]) -> None:
        """What was sold is refunded, if it was paid."""
        paid = [id for id in payments if self.books.payments.rows[id].status == "COMPLETED"]
        answer = self.database.move_payments(paid, "REFUNDED")
        self.agree(answer, lambda books: books.payments.move(paid, "REFUNDED"))

    @rule(
        payment=pools.payments, credits=st.integers(0, 4), key=st.sampled_from(("part-1", "part-2", "part-3"))
    )
    def refund_partially(self, payment: str, credits: int, key: str) -> None:
        answer = self.database.refund_partially(payment, credits, key)
        self.agree(answer, lambda books: books.payments.refund_partially(payment, credits, key))

    @rule(payment=pools.payments)
    def reinstate(self, payment: str) -> None:
        self.agree(self.database.reinstate(payment), lambda books: books.payments.reinstate(payment))

    @when(lambda books: books.ledger.debts)
    @rule(user=pools.users, amount=st.integers(0, 4), key=pools.keys)
    def settle(self, user: str, amount: int, key: str | None) -> None:
        answer = self.database.settle(user, amount, key)
        self.agree(answer, lambda books: books.ledger.settle(user, amount, key))

    # What is nobody's, or somebody else's

    @when(lambda books: books.ledger.entries)
    @rule(user=pools.users, attempt=st.sampled_from(sorted(FORBIDDEN)))
    def trespass(self, user: str, attempt: tuple[str, str]) -> None:
        by, _ = attempt
        query, sqlstate = FORBIDDEN[attempt]
        answer = self.database.trespass(user if by == USER else by, query, user)
        self.agree(answer, lambda books: books.refuse(sqlstate))

    # What rules share

    def _sign_up(self, number: int, person: str | None) -> list[str]:
        known = len(self.books.ledger.accounts)
        new = [str(uuid.uuid5(uuid.NAMESPACE_OID, f"user {known + n}")) for n in range(number)]
        self.agree(
            self.database.sign_up(new, person), lambda books: books.sign_up(new, person and person.lower())
        )
        return new

    def _add_jobs(self, by: str, rows: Rows, skip: bool) -> MultipleResults[str]:
        return self._add_orders(by, [JobOrder(**row) for row in rows], skip)

    def _add_orders(self, by: str, orders: list[JobOrder], skip: bool) -> MultipleResults[str]:
        answer = self.database.add_jobs(by, orders, skip_conflicts=skip)
        self.agree(answer, lambda books: books.jobs.add(by, orders, skip_conflicts=skip, ids=_ids(answer)))
        return multiple(*answer.ids)

    def _order(self, rows: Rows, skip: bool) -> MultipleResults[str]:
        orders = [PaymentOrder(**row) for row in rows]
        answer = self.database.order(orders, skip_conflicts=skip)
        self.agree(answer, lambda books: books.payments.order(orders, skip_conflicts=skip, ids=_ids(answer)))
        return multiple(*answer.ids)

    def _move_jobs(self, by: str, moves: Mapping[str, str]) -> None:
        """In one statement, unless it would not be answer which of them has the last of the first turns."""
        if "QUEUED" in moves.values() and self._is_crowded():
            for job, status in moves.items():
                self._move_together(by, {job: status})
        else:
            self._move_together(by, moves)

    def _is_crowded(self) -> bool:
        users = Counter(job.user for job in self.books.jobs.rows.values() if job.status == "QUEUED")
        return any(number > FIRST - 3 for number in users.values())

    def _move_together(self, by: str, moves: Mapping[str, str]) -> None:
        self.agree(self.database.move_jobs(by, moves), lambda books: books.jobs.move(by, moves))


def _predict(draft: Books, expect: Callable[[Books], int]) -> int | frozenset[str]:
    """How many rows a statement touches, or the SQLSTATEs with which it may fail."""
    try:
        return expect(draft)
    except Refused as refusal:
        return refusal.sqlstates


def _ids(answer: Answer) -> Iterator[str]:
    """The ids of new rows; where the database refused them, others for the oracle to go on with."""
    return chain(answer.ids, map("row {}".format, count()))
