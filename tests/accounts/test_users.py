"""auth.users and public.users: sign-up, and accounts that are closed."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from pgassay.database import Database, Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, DAVE, add_job, open_account, read_books, read_user

ERIN = "e0000000-0000-4000-8000-000000000009"
SIGN_UP = "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, %s)"
HARD = "delete from auth.users where id = %s"
SOFT = "update auth.users set deleted_at = now() where id = %s"


def sign_up(
    session: Session, metadata: Any = None, *, email: str | None = "erin@example.com"
) -> dict[str, Any]:
    """Sign Erin up with metadata as JSON; her row of public.users."""
    session.execute(SIGN_UP, [ERIN, email, Jsonb(metadata)])
    return read_user(session, ERIN)


def test_sign_up_makes_one_user_without_credits_and_its_preferences(owner: Session) -> None:
    user = sign_up(owner, {"full_name": "Erin", "avatar_url": "https://example.com/e.png"})
    assert {name: user[name] for name in ("email", "full_name", "avatar_url")} == {
        "email": "erin@example.com",
        "full_name": "Erin",
        "avatar_url": "https://example.com/e.png",
    }
    assert (user["credits"], user["total_credits_purchased"], user["total_credits_used"]) == (0, 0, 0)
    assert (user["subscription_tier"], user["is_active"], user["deleted_at"]) == ("free", True, None)
    query = "select theme, language, email_marketing from public.user_preferences where user_id = %s"
    assert owner.execute(query, [ERIN]).rows == [
        {"theme": "auto", "language": "th", "email_marketing": False}
    ]


def test_sign_up_works_for_the_role_of_the_auth_server(clone: Database) -> None:
    with closing(clone.connect(user="supabase_auth_admin", autocommit=True)) as connection:
        connection.execute(SIGN_UP, [ERIN, None, None])
        change = "update auth.users set email = 'late@example.com', last_sign_in_at = now() where id = %s"
        assert connection.execute(change, [ERIN]).rowcount == 1
        assert connection.execute(HARD, [ALICE]).rowcount == 1
    query = "select last_login_at is not null from public.users where id = %s and email = 'late@example.com'"
    with closing(clone.connect()) as connection:
        assert connection.execute(query, [ERIN]).fetchall() == [(True,)]
        assert connection.execute("select email from public.users where id = %s", [ALICE]).fetchall() == [
            (None,)
        ]


def test_money_and_tier_in_the_metadata_mean_nothing(owner: Session) -> None:
    wanted = {"credits": 999, "total_credits_purchased": 999, "subscription_tier": "enterprise"}
    user = sign_up(owner, wanted | {"subscription_expires_at": "2100-01-01", "role": "service_role"})
    assert (user["credits"], user["total_credits_purchased"]) == (0, 0)
    assert (user["subscription_tier"], user["subscription_expires_at"]) == ("free", None)
    assert read_books(owner, ERIN).entries == []


@pytest.mark.parametrize(("length", "kept"), [(200, 200), (201, 200), (100_000, 200)])
@pytest.mark.parametrize("letter", ["x", "ก"])
def test_over_long_name_is_cut(owner: Session, letter: str, length: int, kept: int) -> None:
    assert sign_up(owner, {"full_name": letter * length})["full_name"] == letter * kept


@pytest.mark.parametrize(("length", "kept"), [(2048, 2048), (2049, 2048)])
def test_over_long_avatar_is_cut(owner: Session, length: int, kept: int) -> None:
    address = f"https://{'x' * length}"
    assert sign_up(owner, {"avatar_url": address[:length]})["avatar_url"] == address[:kept]


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        *[([], None), (["full_name"], None), ("full_name", None), ("", None), (None, None), (7, None)],
        *[({}, None), ({"full_name": None}, None), ({"full_name": 5}, "5"), ({"full_name": ""}, None)],
        *[({"full_name": {"a": 1}}, '{"a": 1}'), ({"full_name": ["a"]}, '["a"]')],
        *[({"name": "Erin"}, "Erin"), ({"name": "No", "full_name": "Erin"}, "Erin")],
        # What a line may not hold goes, also where no letter stands beside it.
        ({"name": "\u202ea \u202e b\u202e"}, "a   b"),
    ],
)
def test_weird_metadata_never_blocks_a_sign_up(owner: Session, metadata: Any, name: str | None) -> None:
    assert sign_up(owner, metadata)["full_name"] == name


@pytest.mark.parametrize(
    ("metadata", "avatar_url"),
    [
        ({"picture": "https://p"}, "https://p"),
        ({"picture": "https://p", "avatar_url": "https://a"}, "https://a"),
        ({"picture": "https://p", "avatar_url": "javascript:a"}, None),
    ],
)
def test_picture_stands_in_for_an_avatar(owner: Session, metadata: Any, avatar_url: str) -> None:
    assert sign_up(owner, metadata)["avatar_url"] == avatar_url


def test_sign_up_that_is_a_login_is_copied_as_one(owner: Session) -> None:
    moment = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    owner.execute("insert into auth.users (id, last_sign_in_at) values (%s, %s)", [ERIN, moment])
    assert read_user(owner, ERIN)["last_login_at"] == moment


def test_absent_metadata_and_email_never_block_a_sign_up(owner: Session) -> None:
    owner.execute(SIGN_UP, [ERIN, None, None])
    user = read_user(owner, ERIN)
    assert (user["email"], user["full_name"], user["avatar_url"]) == (None, None, None)


def test_email_is_not_unique(owner: Session) -> None:
    owner.execute("update auth.users set is_sso_user = true where id = %s", [ALICE])
    assert sign_up(owner, email="alice@example.com")["email"] == read_user(owner, ALICE)["email"]


@pytest.mark.parametrize("closing_statement", [HARD, SOFT])
def test_deleted_account_is_closed_and_anonymous_and_keeps_its_books(
    owner: Session, closing_statement: str
) -> None:
    # Erasure takes the rest of a payment, and the time is stamped.
    payments = """
        select id, status, provider_transaction_id, package_id, amount_thb, credits_purchased, paid_at,
            refunded_at, created_at
        from public.payments where user_id = %s order by id
    """
    before, books = owner.execute(payments, [ALICE]).rows, read_books(owner, ALICE)
    assert owner.execute(closing_statement, [ALICE]).rowcount == 1
    user = read_user(owner, ALICE)
    assert (user["email"], user["full_name"], user["avatar_url"], user["is_active"]) == (
        None,
        None,
        None,
        False,
    )
    assert user["deleted_at"] is not None
    assert (len(before), owner.execute(payments, [ALICE]).rows) == (6, before)
    after = read_books(owner, ALICE)
    assert after.entries[: len(books.entries)] == books.entries
    # Four jobs of Alice's were charged and not over.
    assert after.since(books) == [("REFUND", 1, books.credits + more) for more in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "closing_statement", [HARD, SOFT, "update public.users set deleted_at = now() where id = %s"]
)
def test_closed_account_has_no_live_job(owner: Session, closing_statement: str) -> None:
    owner.execute(closing_statement, [ALICE])
    query = "select id::text, status::text from public.jobs where user_id = %s"
    over = {"COMPLETED", "FAILED"}
    expected = {job: status if status in over else "CANCELLED" for status, job in ALICE_JOBS.items()}
    assert {row["id"]: row["status"] for row in owner.execute(query, [ALICE]).rows} == expected


def test_account_closed_twice_keeps_its_first_date(owner: Session) -> None:
    owner.execute(SOFT, [ALICE])
    first = read_user(owner, ALICE)["deleted_at"]
    owner.execute(SOFT, [ALICE])
    owner.execute(HARD, [ALICE])
    assert read_user(owner, ALICE)["deleted_at"] == first


def test_account_without_jobs_or_credits_can_be_deleted(owner: Session) -> None:
    erin = open_account(owner, "erin")
    owner.execute(HARD, [erin.id])
    assert read_user(owner, erin.id)["is_active"] is False
    assert read_books(owner, erin.id).entries == []


def test_sign_up_of_a_known_id_makes_no_second_row_and_reopens_nothing(owner: Session) -> None:
    before = read_user(owner, DAVE)
    owner.execute(SIGN_UP, [DAVE, "dave@example.com", Jsonb({"full_name": "Dave"})])
    assert read_user(owner, DAVE) == before
    assert before["deleted_at"] is not None
    assert owner.value("select count(*) from public.user_preferences where user_id = %s", [DAVE]) == 1


def test_backend_closes_an_account_and_its_queued_jobs_are_refunded(owner: Session, service: Persona) -> None:
    erin = open_account(owner, "erin", credits=2)
    add_job(owner, erin.id, status="QUEUED")
    with owner.act_as(service):
        close = "update public.users set deleted_at = now() where id = %s"
        assert owner.attempt(close, [erin.id]).outcome is Outcome.ALLOWED
    assert read_books(owner, erin.id).entries == [("BONUS", 2, 2), ("USAGE", -1, 1), ("REFUND", 1, 2)]
