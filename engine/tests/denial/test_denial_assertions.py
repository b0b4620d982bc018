"""The assertions hold for a proven refusal, and fail for each reason that makes one worthless."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.denial import (
    Constraint,
    Grant,
    Guard,
    NoPolicy,
    Policy,
    RowSecurity,
    Trigger,
    assert_denied,
    assert_hidden,
    assert_rejected,
)
from pgassay.observation import Outcome, Persona

READ = "select id from public.notes where id = %s"
EXISTS = "select id from public.notes where id = %s"
SECRET = Grant(privilege="update", object="public.notes", columns=("secret",), role="authenticated")
PAY = "update public.orders set paid = true where id = 1"
PAY_GUARDS = (
    Grant(privilege="update", object="public.orders", columns=("paid",), role="authenticated"),
    Trigger(table="public.orders", name="keep_unpaid"),
    Policy(table="public.orders", name="edit", clause="WITH CHECK"),
    Constraint(table="public.orders", name="orders_are_unpaid"),
)


def test_a_hidden_row_is_hidden(session: Session, alice: Persona, bob: Persona) -> None:
    attempt = assert_hidden(session, alice, READ, [2], exists=EXISTS, exists_params=[2], owner=bob)
    assert attempt.outcome is Outcome.FILTERED


def test_what_its_owner_does_in_proof_is_undone(session: Session, alice: Persona, bob: Persona) -> None:
    session.execute("update public.notes set body = 'before' where id = 2")
    rename = "update public.notes set body = 'after' where id = 2"
    assert_hidden(session, alice, rename, exists="select true", owner=bob)
    assert session.value("select body from public.notes where id = 2") == "before"


@pytest.mark.parametrize(
    "exists",
    [
        "select id from public.notes where id = 99",
        "select count(*) from public.notes where id = 99",
        "select false",
        "select null",
    ],
)
def test_nothing_is_hidden_where_nothing_is(session: Session, alice: Persona, exists: str) -> None:
    with pytest.raises(
        AssertionError, match=r"(?s)expected: a target that is hidden\n.*even for the schema's"
    ):
        assert_hidden(session, alice, READ, [99], exists=exists)


def test_a_row_that_shows_is_not_hidden(session: Session, alice: Persona) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_hidden(session, alice, READ, [1], exists="select 1")
    assert str(caught.value) == (
        "expected: no row for alice\nhappened: allowed, 1 row\nFirst row: {'id': 1}\nstatement: " + READ
    )


def test_a_refusal_is_not_hiding(session: Session, anon: Persona) -> None:
    with pytest.raises(
        AssertionError, match="happened: denied_grant 42501: permission denied for table notes"
    ):
        assert_hidden(session, anon, READ, [1], exists="select 1")


def test_a_row_that_its_owner_does_not_see_either_proves_nothing(
    session: Session, alice: Persona, bob: Persona
) -> None:
    with pytest.raises(
        AssertionError, match="expected: rows for bob, whose they are\nhappened: filtered, 0 rows"
    ):
        assert_hidden(session, alice, READ, [4], exists="select 1", owner=bob)


@pytest.mark.parametrize(
    "by", [SECRET, Grant, (Grant,), Grant(privilege="update", object="public.notes", role="authenticated")]
)
def test_a_denial_is_by_its_guard_or_its_kind_or_what_covers_it(
    session: Session, alice: Persona, by: Guard | type[Guard] | tuple[type[Guard], ...]
) -> None:
    denial = assert_denied(session, alice, "update public.notes set secret = 'x' where id = 1", by=by)
    assert denial.guards == (SECRET,)


def test_a_denial_by_several_is_by_all_of_them(session: Session, alice: Persona) -> None:
    assert_denied(session, alice, PAY, by=PAY_GUARDS)
    assert_denied(session, alice, PAY, by=(Grant, Trigger, RowSecurity(table="public.orders"), Constraint))
    assert_denied(session, alice, PAY, by=Grant, at_least=True)


def test_a_guard_that_is_not_declared_fails(session: Session, alice: Persona) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_denied(session, alice, PAY, by=PAY_GUARDS[:3])
    assert f"42501: permission denied for table orders, and {PAY_GUARDS[3]}\nheld by 4: " in str(caught.value)


@pytest.mark.parametrize("at_least", [False, True])
def test_a_declared_guard_that_does_not_refuse_fails(
    session: Session, alice: Persona, at_least: bool
) -> None:
    with pytest.raises(
        AssertionError, match=r"expected: refused by Trigger\n.*\nheld by 1: missing grant update"
    ):
        assert_denied(
            session,
            alice,
            "update public.notes set secret = 'x' where id = 1",
            by=(Grant, Trigger),
            at_least=at_least,
        )


def test_an_alternative_will_do(session: Session, alice: Persona) -> None:
    session.execute("grant insert on public.boards to authenticated")
    session.execute("create policy one on public.boards for insert with check (false)")
    session.execute("create policy two on public.boards for insert with check (false)")
    two = Policy(table="public.boards", name="two", clause="WITH CHECK")
    denial = assert_denied(session, alice, "insert into public.boards values (9)", by=two)
    assert two not in denial.guards


def test_a_denial_of_a_row_that_does_not_exist_proves_nothing(session: Session, alice: Persona) -> None:
    with pytest.raises(AssertionError, match=r"Unexplained: no row is touched .*does the target exist"):
        assert_denied(session, alice, "update public.notes set secret = 'x' where id = 99", by=SECRET)


def test_a_denial_that_fails_for_everybody_proves_nothing(
    session: Session, alice: Persona, bob: Persona
) -> None:
    query = "update public.notes set secret = 'x' where id = 1"
    with pytest.raises(AssertionError, match="expected: success for bob\nhappened: denied_grant 42501"):
        assert_denied(session, alice, query, by=SECRET, allowed_to=bob)


def test_a_denial_that_another_is_spared_holds(session: Session, alice: Persona, anon: Persona) -> None:
    guards = (Grant(privilege="select", object="public.boards", columns=("id",), role="anon"), NoPolicy)
    session.execute("update public.boards set public = true")
    assert_denied(session, anon, "select id from public.boards", by=guards, allowed_to=alice)


@pytest.mark.parametrize(
    ("query", "happened"),
    [
        ("select id from public.notes where id = 1", "allowed, 1 row\nFirst row: {'id': 1}"),
        ("select id from public.notes where id = 2", 'filtered, 0 rows\nheld by 1: policy "read own"'),
        ("insert into public.notes (id) values (1)", "rejected 23505: duplicate key"),
    ],
)
def test_anything_but_42501_is_no_denial(session: Session, alice: Persona, query: str, happened: str) -> None:
    with pytest.raises(AssertionError) as caught:
        assert_denied(session, alice, query, by=Grant)
    assert str(caught.value).startswith(f"expected: 42501 for alice\nhappened: {happened}")


def test_a_rejection_is_by_its_constraint(session: Session, alice: Persona) -> None:
    primary = Constraint(table="public.notes", name="notes_pkey")
    query = "insert into public.notes (id) values (1)"
    assert assert_rejected(session, alice, query, sqlstate="23505", by=primary).guards == (primary,)
    with pytest.raises(AssertionError, match="expected: refused by Trigger"):
        assert_rejected(session, alice, query, sqlstate="23505", by=Trigger)


def test_a_rejection_by_a_function_needs_no_guard(session: Session, alice: Persona) -> None:
    assert_rejected(session, alice, "select public.raise_directly()", sqlstate="PT402")


def test_a_rejection_with_another_code_fails(session: Session, alice: Persona) -> None:
    with pytest.raises(AssertionError, match="expected: PT409 for alice\nhappened: rejected PT402: never"):
        assert_rejected(session, alice, "select public.raise_directly()", sqlstate="PT409")


def test_a_rejection_that_is_a_denial_fails(session: Session, alice: Persona) -> None:
    with pytest.raises(
        AssertionError, match="expected: a constraint or trigger that refuses\nhappened: denied_grant"
    ):
        assert_rejected(session, alice, "delete from public.log", sqlstate="42501")
