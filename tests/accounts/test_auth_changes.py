"""public.users follows auth.users after sign-up: changes of email, logins, deletion."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest

from pgassay.database import Database, Session
from tests.shared.accounts import ALICE, read_user

ERIN = "e0000000-0000-4000-8000-000000000009"
DELETE = "delete from auth.users where id = %s"
CHANGE = "update auth.users set {} where id = %s"
EMAIL, CLOSING, LOGIN = (
    CHANGE.format(assignment)
    for assignment in ("email = 'new@example.com'", "deleted_at = now()", "last_sign_in_at = now()")
)


@pytest.mark.parametrize("email", ["new@example.com", None])
def test_email_follows_the_auth_server(owner: Session, email: str | None) -> None:
    owner.execute("update auth.users set email = %s where id = %s", [email, ALICE])
    assert read_user(owner, ALICE)["email"] == email


def test_update_that_changes_nothing_writes_nothing(owner: Session) -> None:
    written = "select ctid::text from public.users where id = %s"
    before = owner.value(written, [ALICE])
    same = "update auth.users set email = email, phone = phone, deleted_at = deleted_at where id = %s"
    assert owner.execute(same, [ALICE]).rowcount == 1
    assert owner.value(written, [ALICE]) == before
    owner.execute(EMAIL, [ALICE])
    assert owner.value(written, [ALICE]) != before


def test_email_does_not_come_back_to_a_closed_account(owner: Session) -> None:
    owner.execute(CLOSING, [ALICE])
    owner.execute(EMAIL, [ALICE])
    assert read_user(owner, ALICE)["email"] is None


def test_change_of_email_does_not_close_an_account_that_was_reopened(owner: Session) -> None:
    owner.execute(CLOSING, [ALICE])
    owner.execute("update public.users set deleted_at = null, is_active = true where id = %s", [ALICE])
    owner.execute(EMAIL, [ALICE])
    after = read_user(owner, ALICE)
    assert (after["email"], after["is_active"], after["deleted_at"]) == ("new@example.com", True, None)


def test_over_long_email_is_cut(owner: Session) -> None:
    # That of auth.users is shorter; the functions must not depend on it.
    owner.execute("create temporary table longer (like auth.users including defaults)")
    owner.execute("alter table longer alter column email type text")
    for event, function in (("insert", "handle_new_user"), ("update", "handle_changed_user")):
        owner.execute(
            f"create trigger on_{event} after {event} on longer"
            f" for each row execute function private.{function}()"
        )
    owner.execute("insert into longer (id, email) values (%s, repeat('x', 321))", [ERIN])
    assert read_user(owner, ERIN)["email"] == "x" * 320
    owner.execute("update longer set email = repeat('y', 321)")
    assert read_user(owner, ERIN)["email"] == "y" * 320


def test_login_is_copied(owner: Session) -> None:
    moment = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    owner.execute("update auth.users set last_sign_in_at = %s where id = %s", [moment, ALICE])
    assert read_user(owner, ALICE)["last_login_at"] == moment


def test_login_leaves_a_closed_account_as_it_is(owner: Session) -> None:
    owner.execute(CLOSING, [ALICE])
    before = read_user(owner, ALICE)
    assert owner.execute(LOGIN, [ALICE]).rowcount == 1
    assert read_user(owner, ALICE) == before


def test_locked_row_blocks_no_login(clone: Database) -> None:
    warnings: list[str | None] = []
    with closing(clone.connect()) as holder, closing(clone.connect()) as auth:
        auth.add_notice_handler(lambda diag: warnings.append(diag.message_primary))
        before = holder.execute(
            "select last_login_at from public.users where id = %s for update", [ALICE]
        ).fetchone()
        assert auth.execute(LOGIN, [ALICE]).rowcount == 1
        auth.commit()
        holder.rollback()
        query = """
            select a.last_sign_in_at > u.last_login_at, u.last_login_at
            from auth.users as a join public.users as u using (id) where id = %s
        """
        assert before is not None
        assert auth.execute(query, [ALICE]).fetchall() == [(True, *before)]
    # How long it waits is set with the function (30-functions.sql).
    assert [f"last_login_at of {ALICE} not updated" in (text or "") for text in warnings] == [True]


@pytest.mark.parametrize("change", [EMAIL, CLOSING, LOGIN, DELETE])
def test_change_of_one_account_leaves_the_others_alone(owner: Session, change: str) -> None:
    others = "select to_jsonb(u) as row from public.users as u where id <> %s order by id"
    before, alice = owner.execute(others, [ALICE]).rows, read_user(owner, ALICE)
    owner.execute(change, [ALICE])
    assert (len(before), owner.execute(others, [ALICE]).rows) == (2, before)
    assert read_user(owner, ALICE) != alice


@pytest.mark.parametrize(
    ("assignment", "column"),
    [
        ("email = 'new@example.com'", "email"),
        ("deleted_at = now()", "deleted_at"),
        ("last_sign_in_at = now()", "last_login_at"),
    ],
)
def test_change_that_brings_another_id_is_of_the_account_with_that_id(
    owner: Session, assignment: str, column: str
) -> None:
    owner.execute("insert into public.users (id) values (%s)", [ERIN])
    alice, erin = read_user(owner, ALICE), read_user(owner, ERIN)
    owner.execute(f"update auth.users set id = %s, {assignment} where id = %s", [ERIN, ALICE])
    assert read_user(owner, ALICE) == alice
    assert (erin[column], read_user(owner, ERIN)[column] is not None) == (None, True)
