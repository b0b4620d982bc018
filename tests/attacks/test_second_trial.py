"""One free trial per person: other spellings, other accounts, other identities."""

from __future__ import annotations

import pytest

from pgassay.database import Session
from pgassay.observation import Attempt

TRIAL = """
    insert into public.payments (user_id, package_id, provider, status)
    select %s, id, 'MANUAL', 'COMPLETED' from public.credit_packages where name = 'Trial Pack'
"""
FIRST, SECOND = (f"7e570000-0000-4000-8000-00000000000{n}" for n in (1, 2))
SIGN_UP = "insert into auth.users (id, email, phone, is_anonymous) values (%s, %s, %s, %s)"
ME = "first.last@gmail.com"


def sign_up(
    session: Session, user: str, email: str | None = None, phone: str | None = None, *, guest: bool = False
) -> None:
    session.execute(SIGN_UP, [user, email, phone, guest])


def sign_up_by(session: Session, column: str, value: str) -> None:
    session.execute(f"insert into auth.users (id, {column}) values (%s, %s)", [SECOND, value])


def take(session: Session, user: str) -> Attempt:
    return session.attempt(TRIAL, [user])


SAME = {
    "the same": ME,
    "in capitals": "First.Last@GMail.com",
    "without the dot": "firstlast@gmail.com",
    "with more dots": "f.i.r.s.t.last@gmail.com",
    "with a tag": "first.last+again@gmail.com",
    "with two tags": "firstlast+a+b@gmail.com",
    "by the other domain": "firstlast@googlemail.com",
    "all at once": "First.La.st+X@GoogleMail.com",
}


@pytest.mark.parametrize("again", SAME.values(), ids=SAME)
@pytest.mark.parametrize("stays", [False, True], ids=["account deleted", "account kept"])
def test_another_account_of_the_same_address_has_no_trial(owner: Session, again: str, stays: bool) -> None:
    sign_up(owner, FIRST, ME)
    assert take(owner, FIRST).rowcount == 1
    if not stays or again == ME:  # one address is one sign-in at a time
        owner.execute("delete from auth.users where id = %s", [FIRST])
    sign_up(owner, SECOND, again)
    assert take(owner, SECOND).sqlstate == "PT409"


OTHERS = {
    "another mailbox": "first.last2@gmail.com",
    "another domain": "first.last@example.com",
    "dots that count elsewhere": "firstlast@example.org",
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_person_has_one(owner: Session, other: str) -> None:
    """The control."""
    sign_up(owner, FIRST, "first.last@example.org" if "org" in other else ME)
    assert take(owner, FIRST).rowcount == 1
    sign_up(owner, SECOND, other)
    assert take(owner, SECOND).rowcount == 1


def test_guest_has_none_until_it_is_known(owner: Session) -> None:
    sign_up(owner, FIRST, guest=True)
    assert take(owner, FIRST).sqlstate == "PT403"
    owner.execute("update auth.users set email = %s, is_anonymous = false where id = %s", [ME, FIRST])
    assert take(owner, FIRST).rowcount == 1
    sign_up(owner, SECOND, ME.upper())
    assert take(owner, SECOND).sqlstate == "PT409"


def test_guest_with_an_address_is_still_a_guest(owner: Session) -> None:
    sign_up(owner, FIRST, ME, guest=True)
    assert take(owner, FIRST).sqlstate == "PT403"


@pytest.mark.parametrize("second", ["66812345678", "+66 81 234 5678"])
def test_phone_is_a_person_too(owner: Session, second: str) -> None:
    sign_up(owner, FIRST, ME, "66812345678" if second.startswith("+") else "+66-812345678")
    assert take(owner, FIRST).rowcount == 1
    owner.execute("delete from auth.users where id = %s", [FIRST])
    sign_up(owner, SECOND, None, second)
    assert take(owner, SECOND).sqlstate == "PT409"


@pytest.mark.parametrize(("column", "value"), [("email", "later@example.com"), ("phone", "66812345678")])
def test_identity_that_is_added_after_the_trial_has_had_it(owner: Session, column: str, value: str) -> None:
    sign_up(owner, FIRST, ME)
    assert take(owner, FIRST).rowcount == 1
    owner.execute(f"update auth.users set {column} = %s where id = %s", [value, FIRST])
    owner.execute("delete from auth.users where id = %s", [FIRST])
    sign_up_by(owner, column, value)
    assert take(owner, SECOND).sqlstate == "PT409"


@pytest.mark.parametrize(("column", "value"), [("email", "later@example.com"), ("phone", "66812345678")])
def test_identity_that_was_added_without_a_trial_is_free(owner: Session, column: str, value: str) -> None:
    """The control."""
    sign_up(owner, FIRST, ME)
    owner.execute(f"update auth.users set {column} = %s where id = %s", [value, FIRST])
    owner.execute("delete from auth.users where id = %s", [FIRST])
    sign_up_by(owner, column, value)
    assert take(owner, SECOND).rowcount == 1


def test_address_that_comes_with_another_id_is_of_the_account_with_that_id(owner: Session) -> None:
    sign_up(owner, FIRST, ME)
    assert take(owner, FIRST).rowcount == 1
    owner.execute("delete from auth.users where id = %s", [FIRST])
    sign_up(owner, SECOND, "else@example.com")
    change = "update auth.users set id = %s, email = 'later@example.com' where id = %s"
    assert owner.execute(change, [FIRST, SECOND]).rowcount == 1
    third = "e0000000-0000-4000-8000-000000000013"
    sign_up(owner, third, "later+again@example.com")
    assert take(owner, third).sqlstate == "PT409"


def test_trial_that_was_refunded_was_had(owner: Session) -> None:
    sign_up(owner, FIRST, ME)
    assert take(owner, FIRST).rowcount == 1
    owner.execute("update public.payments set status = 'REFUNDED' where user_id = %s", [FIRST])
    sign_up(owner, SECOND, ME.upper())
    assert [take(owner, user).sqlstate for user in (FIRST, SECOND)] == ["23505", "PT409"]


def test_gift_of_no_price_is_no_trial(owner: Session) -> None:
    sign_up(owner, FIRST, ME)
    gift = """
        insert into public.payments
            (user_id, provider, provider_transaction_id, amount_thb, credits_purchased, status)
        values (%s, 'MANUAL', %s, 0, 1, 'COMPLETED')
    """
    assert [owner.attempt(gift, [FIRST, number]).rowcount for number in "12"] == [1, 1]
    assert take(owner, FIRST).rowcount == 1
