"""A user without a row in public.users gets one: when the schema is applied, at a login, at a new e-mail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from pgassay.database import Database, Session, apply_script
from pgassay.observation import Persona
from pgassay.workbench import Workbench
from tests.shared.accounts import ALICE, DAVE, find_disagreements, read_user

ERIN = "e0000000-0000-4000-8000-000000000009"
SIGN_UP = "insert into auth.users (id, email, raw_user_meta_data, last_sign_in_at) values (%s, %s, %s, now())"
# What people wrote into their own metadata, and what becomes of it: name and avatar.
METADATA: list[tuple[Any, str | None, str | None]] = [
    ({"full_name": "Erin", "avatar_url": "https://a/e.png", "credits": 999}, "Erin", "https://a/e.png"),
    ({"name": 7}, "7", None),
    ({"name": ["a"]}, '["a"]', None),
    ({"name": {"a": 1}}, '{"a": 1}', None),
    ({"name": True, "picture": {"a": 1}}, "true", None),
    (
        {"name": "x" * 1_000_000, "avatar_url": "https://" + "x" * 1_000_000},
        "x" * 200,
        "https://" + "x" * 2040,
    ),
    ({"name": "a\nb\u202ec\x7f"}, "a b c", None),
    ({"name": " \t\n "}, None, None),
    ({"name": "\n" * 1_000_000 + "x"}, "x", None),
    ({"name": "\\u0000"}, "\\u0000", None),
    ({"name": "\u202e"}, None, None),
    ({"avatar_url": "javascript:alert(1)", "picture": "https://a"}, None, None),
    ([], None, None),
    ("name", None, None),
    (7, None, None),
    (None, None, None),
]
MISSING = """
    select count(*) from public.users as u
    where not exists (select from public.user_preferences where user_id = u.id)
"""


@pytest.fixture
def project(workbench: Workbench) -> Iterator[Database]:
    """A project whose people signed up before our schema came."""
    with workbench.database(depth="environment") as database:
        with closing(database.connect(autocommit=True)) as connection:
            for number, (metadata, _, _) in enumerate(METADATA):
                person = [f"{ERIN[:-3]}{number:03}", f"e{number}@example.com", Jsonb(metadata)]
                connection.execute(SIGN_UP, person)
            connection.execute("insert into auth.users (id) values (%s)", [ALICE])
            connection.execute("insert into auth.users (id, deleted_at) values (%s, now())", [DAVE])
        yield database


def test_applying_makes_an_account_for_everybody_who_is_there(
    project: Database, workbench: Workbench
) -> None:
    for path in (*workbench.config.schema, *workbench.config.companions):
        apply_script(project.conninfo(), path, timeout_seconds=60)
    with closing(project.connect(autocommit=True)) as connection:
        found = connection.execute(
            "select email, full_name, avatar_url, credits, last_login_at is not null, deleted_at"
            " from public.users where email is not null order by id"
        ).fetchall()
        expected = [
            (f"e{n}@example.com", name, url, 0, True, None) for n, (_, name, url) in enumerate(METADATA)
        ]
        assert found == expected
        # Alice has no address; Dave had left before.
        ids = "select id::text from public.users where email is null"
        assert connection.execute(ids).fetchall() == [(ALICE,)]
        assert connection.execute(MISSING).fetchall() == [(0,)]
        session = Session(connection, owner=project.owner)
        assert find_disagreements(session) == []
        # Their money finds them.
        pay = """
            insert into public.payments (user_id, provider, amount_thb, credits_purchased, status)
            values (%s, 'MANUAL', 99, 3, 'COMPLETED')
        """
        assert connection.execute(pay, [ALICE]).rowcount == 1
        assert connection.execute("select credits from public.users where id = %s", [ALICE]).fetchall() == [
            (3,)
        ]


def test_null_character_never_reaches_the_metadata(owner: Session) -> None:
    """jsonb itself refuses it, so that no name can hold one."""
    sign_up = "insert into auth.users (id, raw_user_meta_data) values (%s, %s::jsonb)"
    assert owner.attempt(sign_up, [ERIN, '{"name": "a\\u0000b"}']).sqlstate == "22P05"
    assert owner.attempt(sign_up, [ERIN, '{"name": "a\\\\u0000b"}']).rowcount == 1
    assert read_user(owner, ERIN)["full_name"] == "a\\u0000b"


CHANGES = {
    "login": "update auth.users set last_sign_in_at = clock_timestamp() where id = %s",
    "e-mail": "update auth.users set email = 'new@example.com' where id = %s",
    "number": "update auth.users set phone = '66812345678' where id = %s",
}


@pytest.fixture
def lost(owner: Session) -> Session:
    """Erin has signed up, but neither she nor her preferences are here."""
    owner.execute(SIGN_UP, [ERIN, "erin@example.com", Jsonb({"full_name": "Erin"})])
    owner.execute("delete from public.users where id = %s", [ERIN])
    assert owner.value("select count(*) from public.user_preferences where user_id = %s", [ERIN]) == 0
    return owner


@pytest.mark.parametrize("change", CHANGES)
def test_login_and_change_of_email_or_number_make_what_is_missing(lost: Session, change: str) -> None:
    assert lost.execute(CHANGES[change], [ERIN]).rowcount == 1
    user = read_user(lost, ERIN)
    email = "new@example.com" if change == "e-mail" else "erin@example.com"
    assert (user["email"], user["full_name"], user["deleted_at"]) == (email, "Erin", None)
    assert user["last_login_at"] is not None
    assert lost.value("select count(*) from public.user_preferences where user_id = %s", [ERIN]) == 1


@pytest.mark.parametrize("what", ["phone = '66812345678'", "last_sign_in_at = clock_timestamp()"])
def test_account_that_a_change_makes_has_the_changed_id_and_name(lost: Session, what: str) -> None:
    other = "e0000000-0000-4000-8000-000000000010"
    change = f"update auth.users set id = %s, {what}, raw_user_meta_data = %s where id = %s"
    lost.execute(change, [other, Jsonb({"full_name": "Later"}), ERIN])
    assert read_user(lost, other)["full_name"] == "Later"
    assert lost.value("select count(*) from public.users where id = %s", [ERIN]) == 0


@pytest.mark.parametrize("change", CHANGES)
def test_preferences_alone_come_back_too(owner: Session, change: str) -> None:
    owner.execute("delete from public.user_preferences where user_id = %s", [ALICE])
    owner.execute(CHANGES[change], [ALICE])
    assert owner.value("select count(*) from public.user_preferences where user_id = %s", [ALICE]) == 1


def test_who_is_here_keeps_name_and_avatar_at_a_login(owner: Session, alice: Persona) -> None:
    with owner.act_as(alice):
        owner.execute("update public.users set full_name = 'Mine', avatar_url = null where id = %s", [ALICE])
    for change in CHANGES.values():
        owner.execute(change, [ALICE])
    user = read_user(owner, ALICE)
    assert (user["full_name"], user["avatar_url"], user["email"]) == ("Mine", None, "new@example.com")
