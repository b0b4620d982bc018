"""The ledger: nobody writes it directly, nobody changes it, and every balance agrees with it."""

from __future__ import annotations

from typing import Any

import pytest

from pgassay.database import Session
from pgassay.observation import Attempt, Outcome, Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, BOB, find_disagreements, read_books, triggers_asleep
from tests.shared.payments import ALICE_PAYMENTS

PENDING_PAYMENT = f"{ALICE[:-3]}201"
COMPLETED_PAYMENT = f"{ALICE[:-3]}202"
UNPAID_JOB = ALICE_JOBS["PENDING"]

COUNT = "select count(*) from public.credit_transactions"


def post(session: Session, **columns: Any) -> Attempt:
    """Try to insert an entry of Alice's as the owner; balance_after continues her ledger unless given."""
    balance = read_books(session, ALICE).credits
    row = {"user_id": ALICE, "balance_after": balance + columns["amount"]} | columns
    names, places = ", ".join(row), ", ".join(["%s"] * len(row))
    return session.attempt(
        f"insert into public.credit_transactions ({names}) values ({places})", list(row.values())
    )


def test_every_balance_in_the_world_agrees_with_its_ledger(session: Session) -> None:
    assert session.value("select count(distinct user_id) from public.credit_transactions") == 3
    assert find_disagreements(session) == []


def test_disagreement_would_be_found(session: Session) -> None:
    with triggers_asleep(session):
        session.execute("update public.users set credits = credits + 1 where id = %s", [ALICE])
    assert [str(row["id"]) for row in find_disagreements(session)] == [ALICE]


@pytest.mark.parametrize(
    "statement",
    [
        "update public.credit_transactions set amount = amount",
        "update public.credit_transactions set amount = 1 where false",
        "update public.credit_transactions set description = 'x'",
        "update public.credit_transactions set description = null",
        "delete from public.credit_transactions",
        "delete from public.credit_transactions where false",
        "truncate public.credit_transactions",
        "truncate public.jobs, public.payments, public.users cascade",
        "insert into public.credit_transactions overriding system value"
        " select * from public.credit_transactions on conflict (id) do update set amount = 1",
        "merge into public.credit_transactions as t using public.users as u on t.user_id = u.id"
        " when matched then delete",
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_owner_cannot_change_the_ledger(session: Session, role: str, statement: str) -> None:
    entries = session.value(COUNT)
    assert session.attempt(f"set local session_replication_role = {role}").sqlstate == ""
    tried = session.attempt(statement)
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "PT405")
    assert session.value(COUNT) == entries > 0


def test_backend_moves_credits_through_grant_credits_and_edits_the_rest(
    session: Session, service: Persona
) -> None:
    before = read_books(session, ALICE)
    session.act_as(service)
    assert session.attempt("select public.grant_credits(%s, 5, 'BONUS', 'x')", [ALICE]).rowcount == 1
    assert session.attempt("update public.users set full_name = 'Al' where id = %s", [ALICE]).rowcount == 1
    assert read_books(session, ALICE).since(before) == [("BONUS", 5, before.credits + 5)]


@pytest.mark.parametrize(
    ("kind", "amount", "is_legal"),
    [
        *[("PURCHASE", 1, True), ("PURCHASE", -1, False), ("PURCHASE", 0, False)],
        *[("USAGE", 1, False), ("USAGE", -1, True), ("USAGE", 0, False)],
        *[("REFUND", 1, True), ("REFUND", -1, False), ("REFUND", 0, False)],
        *[("BONUS", 1, True), ("BONUS", -1, False), ("BONUS", 0, False)],
        *[("ADJUSTMENT", 1, True), ("ADJUSTMENT", -1, True), ("ADJUSTMENT", 0, False)],
    ],
)
def test_sign_follows_the_type(session: Session, kind: str, amount: int, is_legal: bool) -> None:
    before = read_books(session, ALICE)
    needed = {"USAGE": {"job_id": UNPAID_JOB}, "REFUND": {"job_id": UNPAID_JOB}}
    needed |= {"PURCHASE": {"payment_id": PENDING_PAYMENT}}
    tried = post(session, type=kind, amount=amount, **needed.get(kind, {}))
    if is_legal:
        assert read_books(session, ALICE).since(before) == [(kind, amount, before.credits + amount)]
    else:
        assert (tried.sqlstate, tried.constraint) == ("23514", "credit_transactions_sign_follows_type")
    assert find_disagreements(session) == []


@pytest.mark.parametrize(
    ("kind", "amount", "columns", "constraint"),
    [
        ("USAGE", -1, {}, "credit_transactions_job_when_used"),
        ("REFUND", 1, {}, "credit_transactions_job_when_used"),
        ("BONUS", 1, {"job_id": UNPAID_JOB}, "credit_transactions_job_when_used"),
        ("PURCHASE", 1, {}, "credit_transactions_payment_when_paid"),
        ("BONUS", 1, {"payment_id": PENDING_PAYMENT}, "credit_transactions_payment_when_paid"),
        ("ADJUSTMENT", 1, {"payment_id": PENDING_PAYMENT}, "credit_transactions_payment_when_paid"),
        ("ADJUSTMENT", -1, {"payment_id": PENDING_PAYMENT}, ""),
        ("ADJUSTMENT", -1, {"balance_after": -1}, "credit_transactions_balance_not_negative"),
    ],
)
def test_entry_names_what_its_type_needs(
    session: Session, kind: str, amount: int, columns: dict[str, Any], constraint: str
) -> None:
    tried = post(session, type=kind, amount=amount, **columns)
    assert (tried.sqlstate, tried.constraint) == ("23514" if constraint else "", constraint)


@pytest.mark.parametrize(
    ("kind", "amount", "link"),
    [("USAGE", -1, "job"), ("REFUND", 1, "job"), ("PURCHASE", 1, "payment"), ("ADJUSTMENT", -1, "payment")],
)
def test_entry_on_somebody_elses_job_or_payment_is_impossible(
    session: Session, kind: str, amount: int, link: str
) -> None:
    own = {"job": UNPAID_JOB, "payment": PENDING_PAYMENT}[link]
    tried = post(session, type=kind, amount=amount, **{f"{link}_id": BOB[:-3] + own[-3:]})
    assert (tried.sqlstate, tried.constraint) == ("23503", f"credit_transactions_{link}_is_own")
    assert post(session, type=kind, amount=amount, **{f"{link}_id": own}).outcome is Outcome.ALLOWED


@pytest.mark.parametrize(
    ("kind", "amount", "columns", "constraint"),
    [
        ("USAGE", -1, {"job_id": UNPAID_JOB}, "credit_transactions_job_once"),
        ("REFUND", 1, {"job_id": UNPAID_JOB}, "credit_transactions_job_once"),
        ("PURCHASE", 1, {"payment_id": PENDING_PAYMENT}, "credit_transactions_payment_once"),
        ("ADJUSTMENT", -1, {"payment_id": PENDING_PAYMENT}, "credit_transactions_payment_once"),
        ("BONUS", 1, {"idempotency_key": "once"}, "credit_transactions_key_once"),
    ],
)
def test_entry_is_posted_at_most_once(
    session: Session, kind: str, amount: int, columns: dict[str, Any], constraint: str
) -> None:
    assert post(session, type=kind, amount=amount, **columns).outcome is Outcome.ALLOWED
    tried = post(session, type=kind, amount=amount, **columns)
    assert (tried.sqlstate, tried.constraint) == ("23505", constraint)


def test_entry_of_nobody_is_refused(session: Session) -> None:
    nobody = "ffffffff-0000-4000-8000-00000000000f"
    attempt = session.attempt("select private.post_entry(%s, 'BONUS', 1)", [nobody])
    assert (attempt.sqlstate, attempt.message) == ("PT404", "no such account")


@pytest.mark.parametrize(("error", "sqlstate"), [(-1, "PT409"), (0, ""), (1, "PT409")])
def test_balance_after_continues_the_ledger_or_is_refused(
    session: Session, error: int, sqlstate: str
) -> None:
    before = read_books(session, ALICE)
    tried = post(session, type="BONUS", amount=5, balance_after=before.credits + 5 + error)
    assert tried.sqlstate == sqlstate
    expected = [] if sqlstate else [("BONUS", 5, before.credits + 5)]
    assert read_books(session, ALICE).since(before) == expected
    assert find_disagreements(session) == []


@pytest.mark.parametrize(("second", "sqlstate"), [(5, "PT409"), (10, ""), (15, "PT409")])
def test_rows_of_one_insert_continue_each_other(session: Session, second: int, sqlstate: str) -> None:
    balance = read_books(session, ALICE).credits
    tried = session.attempt(
        "insert into public.credit_transactions (user_id, type, amount, balance_after)"
        " values (%(user)s, 'BONUS', 5, %(first)s), (%(user)s, 'BONUS', 5, %(second)s)",
        {"user": ALICE, "first": balance + 5, "second": balance + second},
    )
    assert tried.sqlstate == sqlstate
    assert find_disagreements(session) == []


def test_purchases_of_one_insert_are_summed(session: Session) -> None:
    before = read_books(session, ALICE)
    other = ALICE_PAYMENTS["FAILED"]
    session.execute(
        "insert into public.credit_transactions (user_id, type, amount, balance_after, payment_id) values"
        " (%(user)s, 'PURCHASE', 2, %(balance)s + 2, %(first)s),"
        " (%(user)s, 'PURCHASE', 3, %(balance)s + 5, %(second)s)",
        {"user": ALICE, "balance": before.credits, "first": PENDING_PAYMENT, "second": other},
    )
    assert read_books(session, ALICE).purchased - before.purchased == 5


def test_users_of_one_insert_whose_balances_are_alike_each_get_their_own(session: Session) -> None:
    level = read_books(session, ALICE).credits - read_books(session, BOB).credits
    assert level
    session.execute("select public.grant_credits(%s, %s, 'ADJUSTMENT', 'x')", [BOB, level])
    before = {user: read_books(session, user) for user in (ALICE, BOB)}
    session.execute(
        "insert into public.credit_transactions (user_id, type, amount, balance_after)"
        " select u.id, 'BONUS', e.amount, u.credits + e.amount"
        " from public.users as u, (values (%s::uuid, 5), (%s::uuid, 7)) as e (id, amount) where u.id = e.id",
        [ALICE, BOB],
    )
    for user, amount in ((ALICE, 5), (BOB, 7)):
        after = read_books(session, user)
        assert after.since(before[user]) == [("BONUS", amount, before[user].credits + amount)]
        assert (after.purchased, after.used) == (before[user].purchased, before[user].used)
    assert find_disagreements(session) == []


@pytest.mark.parametrize(
    ("kind", "amount", "columns", "counted"),
    [
        ("PURCHASE", 2, {"payment_id": PENDING_PAYMENT}, (2, 0)),
        ("USAGE", -2, {"job_id": UNPAID_JOB}, (0, 2)),
        ("REFUND", 2, {"job_id": UNPAID_JOB}, (0, -2)),
        ("BONUS", 2, {}, (0, 0)),
        ("ADJUSTMENT", -2, {}, (0, 0)),
        ("ADJUSTMENT", -2, {"payment_id": COMPLETED_PAYMENT}, (0, 0)),
    ],
)
def test_totals_count_purchases_gross_and_usage_net_of_refunds(
    session: Session, kind: str, amount: int, columns: dict[str, Any], counted: tuple[int, int]
) -> None:
    before = read_books(session, ALICE)
    assert post(session, type=kind, amount=amount, **columns).outcome is Outcome.ALLOWED
    after = read_books(session, ALICE)
    assert (after.purchased - before.purchased, after.used - before.used) == counted


def test_restored_entry_does_not_move_the_balance_again(session: Session) -> None:
    # pg_restore --disable-triggers and logical replication write entries whose balance is restored by itself.
    before = read_books(session, ALICE)
    with triggers_asleep(session):
        tried = post(session, type="BONUS", amount=5)
    assert tried.outcome is Outcome.ALLOWED
    assert read_books(session, ALICE).credits == before.credits
