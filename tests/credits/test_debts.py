"""Debts in every order of events: the schema says what a model without SQL says, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from pgassay.database import Session
from pgassay.observation import Attempt, Persona
from tests.shared.accounts import add_job, find_disagreements, open_account, read_books
from tests.shared.debts import (
    Model,
    Sale,
    end_jobs,
    owed,
    read_kinds,
    read_shortfalls,
    refund,
    refund_part,
    reinstate,
    settle,
)
from tests.shared.payments import buy

PACKAGES = {"Starter Pack": 3, "Popular Pack": 10}
SMALL = st.integers(min_value=1, max_value=5)
STEPS = st.one_of(
    st.tuples(st.just("buy"), st.sampled_from(sorted(PACKAGES))),
    st.tuples(st.just("bonus"), SMALL),
    st.tuples(st.just("queue"), SMALL),
    st.tuples(st.just("end"), st.lists(st.integers(0, 4), min_size=1, max_size=3)),
    st.tuples(st.just("part"), st.integers(0, 1), st.integers(1, 2)),
    st.tuples(st.just("refund"), st.integers(0, 1)),
    st.tuples(st.just("settle"), st.integers(1, 2)),
    st.tuples(st.just("reinstate"), st.integers(0, 1)),
)


def same(tried: Attempt, expected: int | None) -> None:
    """A call answered what the model says; None: it was refused."""
    answer = None if tried.sqlstate == "PT409" else next(iter(tried.rows[0].values()))
    assert answer == expected


class Story:
    """One user, in the database and in the model."""

    def __init__(self, session: Session, user: str | None) -> None:
        self.session, self.user, self.model, self.keys = session, user, Model(), 0

    def buy(self, package: str) -> None:
        self.model.tick(PACKAGES[package])
        self.model.sales[buy(self.session, self.user, package)] = Sale(credits=PACKAGES[package])

    def bonus(self, amount: int) -> None:
        self.model.tick(amount)
        query = "select public.grant_credits(%s, %s, 'BONUS', 'new money')"
        self.session.execute(query, [self.user, amount])

    def queue(self, cost: int) -> None:
        if cost <= self.model.balance:
            self.model.queue(add_job(self.session, self.user, status="QUEUED", cost=cost), cost)

    def end(self, numbers: list[int]) -> None:
        jobs = list(self.model.jobs)
        chosen = {jobs[number % len(jobs)] for number in numbers} if jobs else set()
        if chosen:
            before = self.model.balance
            end_jobs(self.session, sorted(chosen))
            self.model.end(sorted(chosen))
            assert self.model.balance >= before, "new money was taken"

    def part(self, number: int, credits: int) -> None:
        if payment := self.sale(number):
            self.keys += 1
            tried = refund_part(self.session, payment, credits, f"part {self.keys}")
            same(tried, self.model.refund_part(payment, credits))

    def refund(self, number: int) -> None:
        payment = self.sale(number)
        if payment and not self.model.sales[payment].is_refunded:
            refund(self.session, payment)
            self.model.refund(payment)

    def settle(self, amount: int) -> None:
        same(settle(self.session, self.user, amount), self.model.settle(amount))

    def reinstate(self, number: int) -> None:
        if payment := self.sale(number):
            same(reinstate(self.session, payment), self.model.reinstate(payment))

    def sale(self, number: int) -> str | None:
        sales = list(self.model.sales)
        return sales[number % len(sales)] if sales else None

    def check(self) -> None:
        session, user = self.session, self.user
        assert read_books(session, user).credits == self.model.balance
        assert read_shortfalls(session, user) == self.model.shortfalls()
        assert owed(session, user) == self.model.owed()
        kinds = read_kinds(session, user)
        assert kinds["shortfall"] - kinds["recovered"] - kinds["settled"] == self.model.owed() >= 0


@settings(max_examples=max(20, settings().max_examples // 2))
@pytest.mark.slow
@given(steps=st.lists(STEPS, min_size=5, max_size=12))
@example(steps=[("part", 0, 2), ("refund", 0), ("end", [0, 1]), ("reinstate", 0), ("end", [0])])
@example(steps=[("refund", 0), ("bonus", 5), ("end", [0]), ("settle", 1), ("end", [0]), ("reinstate", 0)])
@example(
    steps=[("part", 0, 1), ("buy", "Starter Pack"), ("queue", 3), ("refund", 0), ("end", [2]), ("end", [0])]
)
@example(steps=[("refund", 0), ("buy", "Starter Pack"), ("refund", 1), ("end", [0, 1]), ("settle", 1)])
# Two debts, and a job that can pay only the first.
@example(
    steps=[("refund", 0), ("buy", "Starter Pack"), ("queue", 3), ("refund", 1), ("bonus", 3), ("end", [0])]
)
def test_books_are_those_of_the_model_after_every_step(
    backend: Session, steps: list[tuple[Any, ...]]
) -> None:
    with backend.undone():
        story = Story(backend, open_account(backend, "erin", credits=2).id)
        story.model.tick(2)
        story.buy("Starter Pack")
        # All is spent: what is refunded from here on is owed.
        story.queue(3)
        story.queue(2)
        for name, *arguments in steps:
            getattr(story, name)(*arguments)
            story.check()
        kinds = read_kinds(backend, story.user)
        event(f"recovered: {kinds['recovered'] > 0}, settled: {kinds['settled'] > 0}")
        assert find_disagreements(backend) == []


@pytest.fixture
def erin(backend: Session) -> Persona:
    """A new user without credits."""
    return open_account(backend, "erin")


def test_what_support_settled_is_not_collected_again(backend: Session, erin: Persona) -> None:
    payment = buy(backend, erin.id)
    job = add_job(backend, erin.id, status="QUEUED", cost=3)
    refund(backend, payment)
    assert settle(backend, erin.id, 2).rows == [{"owed": 1}]
    assert read_shortfalls(backend, erin.id) == {payment: 1}
    end_jobs(backend, [job])
    assert read_books(backend, erin.id).credits == 2
    assert (owed(backend, erin.id), read_shortfalls(backend, erin.id)) == (0, {payment: 0})


def test_settling_reaches_over_several_payments_oldest_first(backend: Session, erin: Persona) -> None:
    first, second = (buy(backend, erin.id) for _ in range(2))
    add_job(backend, erin.id, status="QUEUED", cost=6)
    refund(backend, first)
    refund(backend, second)
    assert settle(backend, erin.id, 4, "key").rows == [{"owed": 2}]
    assert read_shortfalls(backend, erin.id) == {first: 0, second: 2}


def test_the_same_key_settles_once_and_belongs_to_one_user(backend: Session, erin: Persona) -> None:
    frank = open_account(backend, "frank")
    for user in (erin, frank):
        payment = buy(backend, user.id)
        add_job(backend, user.id, status="QUEUED", cost=3)
        refund(backend, payment)
    assert [settle(backend, erin.id, 1, "key").rows for _ in range(2)] == [[{"owed": 2}]] * 2
    assert settle(backend, frank.id, 1, "key").sqlstate == "PT409"
    assert settle(backend, frank.id, 1, "other key").rows == [{"owed": 2}]
    assert [owed(backend, user.id) for user in (erin, frank)] == [2, 2]


@pytest.mark.parametrize(
    ("amount", "sqlstate"), [(4, "PT409"), (0, "22023"), (-1, "22023"), (None, "22023"), (3, "")]
)
def test_no_more_than_is_owed_can_be_settled(
    backend: Session, erin: Persona, amount: int | None, sqlstate: str
) -> None:
    payment = buy(backend, erin.id)
    add_job(backend, erin.id, status="QUEUED", cost=3)
    refund(backend, payment)
    assert settle(backend, erin.id, amount).sqlstate == sqlstate
    assert owed(backend, erin.id) == (3 if sqlstate else 0)


def test_debt_of_nobody_can_not_be_settled(backend: Session) -> None:
    assert settle(backend, "ffffffff-0000-4000-8000-00000000000f", 1).sqlstate == "PT404"


def test_jobs_of_one_statement_pay_two_debts_each_from_what_was_spent_before_it(
    backend: Session, erin: Persona
) -> None:
    first = buy(backend, erin.id)
    early = add_job(backend, erin.id, status="QUEUED", cost=3)
    refund(backend, first)
    second = buy(backend, erin.id)
    late = add_job(backend, erin.id, status="QUEUED", cost=3)
    refund(backend, second)
    after = buy(backend, erin.id)
    newest = add_job(backend, erin.id, status="QUEUED", cost=2)
    end_jobs(backend, [early, late, newest])
    assert read_shortfalls(backend, erin.id) == {first: 0, second: 0, after: 0}
    assert read_books(backend, erin.id).credits == 3


@pytest.mark.parametrize("sent", [{}, {"note": "by the backend"}, {"shortfall": 0}, {"shortfall": 99}])
def test_metadata_that_the_backend_writes_never_hides_or_forges_what_is_owed(
    backend: Session, erin: Persona, sent: dict[str, Any]
) -> None:
    owing, paid = buy(backend, erin.id), buy(backend, erin.id)
    add_job(backend, erin.id, status="QUEUED", cost=5)
    refund(backend, owing)
    write = "update public.payments set metadata = %s::jsonb where user_id = %s"
    text = str(sent).replace("'", '"')
    assert backend.execute(write, [text, erin.id]).rowcount == 2
    assert read_shortfalls(backend, erin.id) == {owing: 2, paid: 0}
    assert owed(backend, erin.id) == 2


@pytest.mark.parametrize("sent", ["[]", "1", '"x"', "null"])
def test_metadata_that_is_no_object_is_refused_by_its_own_constraint(
    backend: Session, erin: Persona, sent: str
) -> None:
    """Not by an error of the trigger that adds what is owed."""
    owing = buy(backend, erin.id)
    attempt = backend.attempt("update public.payments set metadata = %s::jsonb where id = %s", [sent, owing])
    assert (attempt.sqlstate, attempt.constraint) == ("23514", "payments_metadata_is_small_object")
