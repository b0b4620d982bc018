"""A closed account stays closed until support opens it; people close their own."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import ALICE, BOB, DAVE, read_books, read_user

CLOSE, REOPEN = "select public.close_my_account()", "select public.reopen_account(%s) as done"
SOFT, UNDO = (f"update auth.users set deleted_at = {value} where id = %s" for value in ("now()", "null"))
HARD = "delete from auth.users where id = %s"
SIGN_UP = "insert into auth.users (id, email) values (%s, 'again@example.com')"
STAYS = "account {} is closed and stays closed"


def is_open(session: Session, user: str) -> bool:
    row = read_user(session, user)
    assert row["is_active"] == (row["deleted_at"] is None)
    return bool(row["is_active"])


def test_user_closes_the_own_account_and_no_other(session: Session, alice: Persona) -> None:
    bob, books = read_user(session, BOB), read_books(session, ALICE)
    with session.act_as(alice):
        assert session.attempt(CLOSE).outcome is Outcome.ALLOWED
        assert session.execute("select from public.users").rowcount == 0
        # Once more is no error.
        assert session.attempt(CLOSE).outcome is Outcome.ALLOWED
    user = read_user(session, ALICE)
    assert (user["email"], user["full_name"], user["avatar_url"], user["is_active"]) == (
        None,
        None,
        None,
        False,
    )
    assert read_user(session, BOB) == bob
    assert read_books(session, ALICE).since(books) == [("REFUND", 1, books.credits + n) for n in (1, 2, 3, 4)]
    # The sign-in is the backend's to delete.
    assert session.value("select deleted_at is null from auth.users where id = %s", [ALICE]) is True


@pytest.mark.parametrize(
    ("claims", "sqlstate"), [({}, "PT403"), ({"sub": ""}, "PT403"), ({"sub": ALICE}, "")]
)
def test_nobody_is_closed_by_who_is_not_signed_in(
    session: Session, claims: dict[str, str], sqlstate: str
) -> None:
    with session.act_as(Persona(name="somebody", role="authenticated", claims=claims)):
        assert session.attempt(CLOSE).sqlstate == sqlstate
    assert is_open(session, ALICE) == bool(sqlstate)


@pytest.mark.parametrize("back", ["made again", "undone"])
def test_account_that_comes_back_stays_closed_and_says_so(owner: Session, back: str) -> None:
    owner.execute(HARD if back == "made again" else SOFT, [ALICE])
    closed = read_user(owner, ALICE)
    tried = owner.attempt(SIGN_UP if back == "made again" else UNDO, [ALICE])
    assert (tried.outcome, tried.notices) == (Outcome.ALLOWED, (STAYS.format(ALICE),))
    assert read_user(owner, ALICE) == closed
    login = owner.attempt("update auth.users set last_sign_in_at = now() where id = %s", [ALICE])
    assert (login.rowcount, login.notices) == (1, (STAYS.format(ALICE),))
    assert read_user(owner, ALICE) == closed


def test_nobody_is_warned_of_an_account_that_is_not_closed(owner: Session) -> None:
    assert not is_open(owner, DAVE)
    changes = [
        owner.attempt(SIGN_UP, ["e0000000-0000-4000-8000-000000000009"]),
        owner.attempt("update auth.users set email = 'other@example.com' where id = %s", [ALICE]),
        owner.attempt("update auth.users set last_sign_in_at = now() where id = %s", [ALICE]),
    ]
    assert [(change.rowcount, change.notices) for change in changes] == [(1, ())] * 3


def test_support_reopens_an_account_whose_sign_in_exists(
    session: Session, alice: Persona, bob: Persona, service: Persona
) -> None:
    for user in (alice, bob):
        with session.act_as(user):
            session.execute(CLOSE)
    with session.act_as(service):
        assert session.value(REOPEN, [ALICE]) is True
        assert session.value(REOPEN, [ALICE]) is False
    assert not is_open(session, BOB)
    row = read_user(session, ALICE)
    # What was erased stays so.
    assert (row["email"], row["full_name"], row["deleted_at"]) == ("alice@example.com", None, None)
    with session.act_as(alice):
        start = "insert into public.jobs (user_id) values (%s)"
        assert session.attempt(start, [ALICE]).rowcount == 1


@pytest.mark.parametrize("state", ["deleted", "soft-deleted", "never closed", "unknown", "null"])
def test_account_without_a_sign_in_or_open_is_not_reopened(
    session: Session, service: Persona, state: str
) -> None:
    if state == "soft-deleted":
        session.execute(SOFT, [ALICE])
    users = {"deleted": DAVE, "soft-deleted": ALICE, "never closed": BOB, "null": None}
    target = users.get(state, "00000000-0000-4000-8000-000000000000")
    before = session.execute("select to_jsonb(u) as row from public.users as u order by id").rows
    with session.act_as(service):
        assert session.value(REOPEN, [target]) is False
    assert session.execute("select to_jsonb(u) as row from public.users as u order by id").rows == before


def test_change_of_email_with_the_undoing_brings_no_address_back(owner: Session) -> None:
    owner.execute(SOFT, [ALICE])
    owner.execute(
        "update auth.users set deleted_at = null, email = 'back@example.com' where id = %s", [ALICE]
    )
    assert (read_user(owner, ALICE)["email"], is_open(owner, ALICE)) == (None, False)
    assert owner.value(REOPEN, [ALICE]) is True
    assert read_user(owner, ALICE)["email"] == "back@example.com"


def test_closing_gives_up_an_account_that_stays_in_use(session: Session) -> None:
    session.execute(
        """
        create or replace function private.try_to_close(user_id uuid) returns boolean
        language sql set search_path = '' as 'select false'
        """
    )
    closing = session.attempt("select private.close_account(%s)", [ALICE])
    assert (closing.sqlstate, closing.message) == ("55P03", "the account is in use")
    assert session.value("select deleted_at from public.users where id = %s", [ALICE]) is None
