"""One free trial per person, however address or number are spelled; none for guests; it outlives accounts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Attempt, Persona
from tests.shared.accounts import SERVICE, read_books
from tests.shared.parallel import Scene, open_scene
from tests.shared.payments import SET_STATUS, order

SIGN_UP = "insert into auth.users (id, email, phone, is_anonymous) values (%s, %s, %s, %s)"
COMPLETE = """
    insert into public.payments (user_id, package_id, provider, status, provider_transaction_id)
    select %s, id, 'MANUAL', 'COMPLETED', %s from public.credit_packages where price_thb = 0
"""


def sign_up(
    session: Session, email: str | None = None, phone: str | None = None, *, guest: bool = False
) -> str:
    user = str(uuid.uuid4())
    with session.as_owner():
        session.execute(SIGN_UP, [user, email, phone, guest])
    return user


def take_trial(session: Session, user: str) -> Attempt:
    with session.act_as(SERVICE):
        tried = order(session, user, "Trial Pack", provider="MANUAL", status="COMPLETED")
    assert read_books(session, user).credits == (0 if tried.sqlstate else 1)
    return tried


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (("a.b@example.com", None), ("A.B@Example.COM", None), True),
        (("ab@example.com", None), (" ab+x@example.com ", None), True),
        (("ab+one@example.com", None), ("ab+two@example.com", None), True),
        (("ab@gmail.com", None), ("a.b@gmail.com", None), True),
        (("ab@gmail.com", None), ("A.B+x@googlemail.com", None), True),
        (("a.b@example.com", None), ("ab@example.com", None), False),
        (("ab@gmail.com", None), ("ab@example.com", None), False),
        ((None, "66812345678"), ("ab@example.com", "+66 81-234-5678"), True),
        (("ab@example.com", "66812345678"), (None, "66812345678 "), True),
        (("ab@example.com", "66812345678"), ("ab+1@example.com", "66800000000"), True),
        (("ab@example.com", "66812345678"), ("cd@example.com", "66800000000"), False),
        # An address that spells another one's number is not that number.
        ((None, "66812345678"), ("66812345678@example.com", None), False),
    ],
)
def test_person_is_known_by_address_or_number(
    backend: Session,
    first: tuple[str | None, str | None],
    second: tuple[str | None, str | None],
    *,
    is_same: bool,
) -> None:
    assert take_trial(backend, sign_up(backend, *first)).sqlstate == ""
    again = take_trial(backend, sign_up(backend, *second))
    assert again.sqlstate == ("PT409" if is_same else "")
    third = take_trial(backend, sign_up(backend, "somebody.else@example.com"))
    assert third.sqlstate == ""


def test_one_who_is_refused_by_number_does_not_use_up_the_address(backend: Session) -> None:
    assert take_trial(backend, sign_up(backend, None, "66812345678")).sqlstate == ""
    assert take_trial(backend, sign_up(backend, "ab@example.com", "+66812345678")).sqlstate == "PT409"
    assert take_trial(backend, sign_up(backend, "ab+1@example.com", None)).sqlstate == ""


@pytest.mark.parametrize(
    ("email", "phone", "guest"),
    [(None, None, True), ("ab@example.com", None, True), (None, None, False), ("", "", False)],
)
def test_guest_gets_no_trial_but_buys(
    backend: Session, email: str | None, phone: str | None, *, guest: bool
) -> None:
    user = sign_up(backend, email, phone, guest=guest)
    assert take_trial(backend, user).sqlstate == "PT403"
    with backend.act_as(SERVICE):
        assert order(backend, user, provider_transaction_id="x", status="COMPLETED").sqlstate == ""


@pytest.mark.parametrize("path", ["insert", "update", "late money"])
def test_trial_is_checked_whichever_way_it_completes(backend: Session, path: str) -> None:
    assert take_trial(backend, sign_up(backend, "ab@example.com")).sqlstate == ""
    user = sign_up(backend, "AB@example.com")
    status = {"insert": "COMPLETED", "update": "PENDING", "late money": "FAILED"}[path]
    with backend.act_as(SERVICE):
        tried = order(backend, user, "Trial Pack", provider="MANUAL", status=status)
        if path != "insert":
            tried = backend.attempt(SET_STATUS, ["COMPLETED", tried.rows[0]["id"]])
    assert tried.sqlstate == "PT409"
    assert read_books(backend, user).credits == 0


@pytest.mark.parametrize("close", ["delete from auth.users", "update auth.users set deleted_at = now()"])
def test_trial_outlives_the_account(backend: Session, close: str) -> None:
    first = sign_up(backend, "ab@example.com")
    assert take_trial(backend, first).sqlstate == ""
    with backend.as_owner():
        backend.execute(f"{close} where id = %s", [first])
        # As the auth server does when it deletes softly: the address is free again.
        backend.execute("update auth.users set email = 'x' where id = %s", [first])
    assert take_trial(backend, sign_up(backend, "ab@example.com")).sqlstate == "PT409"


def test_what_is_kept_tells_nothing_without_the_key(owner: Session) -> None:
    take_trial(owner, sign_up(owner, "ab@example.com"))
    kept = "select encode(person, 'hex') from private.trial_takers order by taken_at desc, person limit 1"
    known = """
        select encode(sha256(v::bytea), 'hex')
        from unnest(array['ab@example.com', 'email:ab@example.com']) as v
    """
    hashes = {next(iter(row.values())) for row in owner.execute(known).rows}
    assert len(owner.value(kept)) == 64
    assert owner.value(kept) not in hashes
    assert owner.value("select octet_length(value) from private.secrets where name = 'person'") == 32
    again = "select encode(private.hash_person('email', 'ab@example.com'), 'hex')"
    assert owner.value(
        f"select ({again}) = any(array(select encode(person, 'hex') from private.trial_takers))"
    )
    before = owner.value(again)
    owner.execute("update private.secrets set value = value || '\\x00' where name = 'person'")
    assert owner.value(again) != before


def test_other_secrets_hash_nobody(owner: Session) -> None:
    hashed = "select encode(private.hash_person('email', 'ab@example.com'), 'hex')"
    before = owner.value(hashed)
    owner.execute("insert into private.secrets (name, value) values ('another', 'x')")
    owner.execute("update private.secrets set value = value where name = 'person'")  # now the last to be read
    assert owner.value(hashed) == before


def test_gift_of_support_without_a_package_is_no_trial(backend: Session) -> None:
    user = sign_up(backend, "ab@example.com")
    gift = {"amount_thb": 0, "credits_purchased": 2, "provider": "MANUAL", "status": "COMPLETED"}
    with backend.act_as(SERVICE):
        for number in ("1", "2"):
            assert order(backend, user, None, **gift, provider_transaction_id=number).sqlstate == ""
        assert order(backend, user, "Trial Pack", provider="MANUAL", status="COMPLETED").sqlstate == ""
    assert read_books(backend, user).credits == 5


GIFT = {"amount_thb": 0, "credits_purchased": 2, "package": None}


@pytest.mark.parametrize(
    ("payment", "statuses", "has_had_it"),
    [
        ({"package": "Trial Pack"}, ["COMPLETED"], True),
        ({"package": "Trial Pack"}, ["COMPLETED", "REFUNDED"], True),
        ({"package": "Trial Pack"}, ["PENDING"], False),
        ({"package": "Trial Pack"}, ["PENDING", "FAILED"], False),
        ({}, ["COMPLETED"], False),
        (GIFT, ["COMPLETED"], False),
    ],
    ids=["trial", "refunded", "waiting", "failed", "bought", "gift"],
)
def test_only_a_trial_is_remembered_under_an_address_that_comes_later(
    backend: Session, payment: dict[str, Any], statuses: list[str], *, has_had_it: bool
) -> None:
    user = sign_up(backend, "ab@example.com")
    with backend.act_as(SERVICE):
        made = order(backend, user, provider="MANUAL", status=statuses[0], **payment)
        assert made.sqlstate == ""
        for status in statuses[1:]:
            assert backend.attempt(SET_STATUS, [status, made.rows[0]["id"]]).sqlstate == ""
    with backend.as_owner():
        for address in ("cd@example.com", "ef@example.com"):  # then the first one is free
            backend.execute("update auth.users set email = %s where id = %s", [address, user])
    again = take_trial(backend, sign_up(backend, "cd@example.com"))
    assert again.sqlstate == ("PT409" if has_had_it else "")


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


@pytest.mark.parametrize(
    ("isolation", "sqlstate"),
    [("read committed", "PT409"), ("repeatable read", "40001"), ("serializable", "40001")],
)
@pytest.mark.parametrize("same_user", [True, False])
def test_two_trials_at_once_are_one(
    scene: Scene, service: Persona, isolation: str, sqlstate: str, *, same_user: bool
) -> None:
    users = [str(uuid.uuid4()) for _ in range(2)]
    with scene.database.connect(autocommit=True) as owner:
        for user, address in zip(users, ("a.b@gmail.com", "ab+x@gmail.com"), strict=True):
            owner.execute(SIGN_UP.encode(), [user, address, None, False])
    first, second = (scene.join(service, isolation=isolation) for _ in range(2))
    assert second.attempt("select count(*) from public.payments").rowcount == 1
    assert first.attempt(COMPLETE, [users[0], "first"]).rowcount == 1
    late = second.start(COMPLETE, [users[0 if same_user else 1], "second"])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    # The unique index knows the same user before the hash of the address is asked.
    assert late.result().sqlstate == ("23505" if same_user and isolation != "serializable" else sqlstate)
    assert scene.value("select sum(credits)::int from public.users where id = any(%s::uuid[])", [users]) == 1
