"""Support finds users by address, tiers end, and old logs are purged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE, BOB, DAVE, open_account, triggers_asleep
from tests.shared.parallel import Scene, open_scene


def ids(session: Session, query: str, *params: Any) -> list[str]:
    return [str(row["id"]) for row in session.execute(f"select id from {query}", list(params)).rows]


@pytest.mark.parametrize("spelling", ["alice@example.com", "ALICE@Example.com", " alice@example.com "])
def test_users_are_found_by_address_however_it_is_spelled(backend: Session, spelling: str) -> None:
    assert ids(backend, "public.find_users(%s)", spelling) == [ALICE]


def test_all_users_of_an_address_are_found_and_no_closed_one(backend: Session) -> None:
    twin = open_account(backend, "twin").id
    update = "update public.users set email = 'Alice@Example.com' where id = %s"
    assert backend.execute(update, [twin]).rowcount == 1
    assert ids(backend, "public.find_users('alice@example.com')") == [ALICE, twin]
    assert ids(backend, "public.find_users('dave@example.com')") == []
    assert ids(backend, "public.find_users(null)") == []


@pytest.fixture
def tiers(backend: Session) -> None:
    """Bob's has ended, Alice's ends in two days."""
    change = """
        update public.users set subscription_tier = 'pro', subscription_expires_at = now() + %s::interval
        where id = %s
    """
    for age, user in (("-1 second", BOB), ("2 days", ALICE), ("-1 second", DAVE)):
        assert backend.execute(change, [age, user]).rowcount == 1


@pytest.mark.usefixtures("tiers")
@pytest.mark.parametrize(("within", "found"), [("1 day", [BOB]), ("3 days", [BOB, ALICE]), ("0", [BOB])])
def test_tiers_that_end_are_listed(backend: Session, within: str, found: list[str]) -> None:
    assert ids(backend, "public.expiring_subscriptions(%s)", within) == found


@pytest.mark.usefixtures("tiers")
def test_tiers_that_have_ended_are_taken_once(backend: Session) -> None:
    assert ids(backend, "public.expire_subscriptions()") == [BOB]
    assert ids(backend, "public.expire_subscriptions()") == []
    tiers = "select id::text, subscription_tier as tier from public.users"
    found = {row["id"]: row["tier"] for row in backend.execute(tiers).rows}
    assert found == {ALICE: "pro", BOB: "free", DAVE: "pro"}


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def test_upkeep_waits_for_nobody(scene: Scene, service: Persona, bob: Persona) -> None:
    end = """
        update public.users set subscription_tier = 'pro', subscription_expires_at = now()
        where id = any(%s::uuid[])
    """
    with scene.database.connect(autocommit=True) as owner:
        owner.execute(end.encode(), [[ALICE, BOB]])
    holder, upkeep = scene.join(bob), scene.join(service)
    assert holder.attempt("update public.users set full_name = 'Bob' where true").rowcount == 1
    taken = upkeep.attempt("select id::text from public.expire_subscriptions()")
    assert [row["id"] for row in taken.rows] == [ALICE]
    holder.commit()
    upkeep.commit()
    again = scene.join(service).attempt("select id::text from public.expire_subscriptions()")
    assert [row["id"] for row in again.rows] == [BOB]


LOGS = {
    "webhook_logs": "insert into public.webhook_logs (provider, event_id, event_type, processed, created_at)"
    " values ('stripe', %(key)s, 'old', %(processed)s, now() - %(age)s::interval)",
    "api_usage_logs": "insert into public.api_usage_logs (api_provider, api_endpoint, created_at)"
    " values ('openai', %(key)s, now() - %(age)s::interval)",
}


@pytest.mark.parametrize(
    ("age", "older_than", "is_gone"),
    [
        ("31 days", "30 days", True),
        ("29 days", "30 days", False),
        ("50 days", "60 days", False),
        ("61 days", "60 days", True),
    ],
)
def test_old_logs_are_purged(backend: Session, age: str, older_than: str, *, is_gone: bool) -> None:
    for insert in LOGS.values():
        backend.execute(insert, {"key": "old", "processed": True, "age": age})
    assert backend.value("select public.purge_logs(%s)", [older_than]) == (2 if is_gone else 0)
    assert backend.value("select public.purge_logs(%s)", [older_than]) == 0
    kept = "select count(*) from public.webhook_logs where event_id in ('old', 'evt_1', 'evt_2')"
    assert backend.value(kept) == (2 if is_gone else 3)


def test_event_that_is_not_processed_is_never_purged(backend: Session) -> None:
    backend.execute(LOGS["webhook_logs"], {"key": "old", "processed": False, "age": "9 years"})
    assert backend.value("select public.purge_logs('30 days')") == 0


MANY_LOGS = {
    "webhook_logs": "insert into public.webhook_logs"
    " (provider, event_id, event_type, processed, processed_at, created_at)"
    " select 'stripe', 'many ' || n, 'old', processed, case when processed then now() end,"
    " now() - interval '1 year' - interval '1 s' * n"
    " from generate_series(%(from)s::integer, %(to)s::integer) as n"
    " cross join (values (%(processed)s)) as e (processed)",
    "api_usage_logs": "insert into public.api_usage_logs (api_provider, api_endpoint, created_at)"
    " select 'openai', 'many ' || n, now() - interval '1 year' - interval '1 s' * n"
    " from generate_series(%(from)s::integer, %(to)s::integer) as n",
}


@pytest.mark.parametrize(("table", "key"), [("webhook_logs", "event_id"), ("api_usage_logs", "api_endpoint")])
def test_oldest_logs_are_purged_first(backend: Session, table: str, key: str) -> None:
    with triggers_asleep(backend):
        backend.execute(MANY_LOGS[table], {"processed": True, "from": 1, "to": 10_001})
    assert backend.value("select public.purge_logs('30 days')") == 10_000
    left = f"select array_agg({key}) from public.{table} where {key} like 'many %%'"
    assert backend.value(left, []) == ["many 1"]


def test_events_that_are_not_processed_do_not_hide_one_that_is(backend: Session) -> None:
    with triggers_asleep(backend):
        backend.execute(MANY_LOGS["webhook_logs"], {"processed": True, "from": 1, "to": 1})
        backend.execute(MANY_LOGS["webhook_logs"], {"processed": False, "from": 2, "to": 10_001})
    assert backend.value("select public.purge_logs('30 days')") == 1


@pytest.mark.parametrize("older_than", ["29 days 23:59:59", "0", "-1 year", "-infinity", None])
def test_logs_are_kept_for_thirty_days_at_least(backend: Session, older_than: str | None) -> None:
    if (
        older_than == "-infinity"
        and backend.value("select current_setting('server_version_num')::int") < 170000
    ):
        older_than = "-178000000 years"
    assert backend.attempt("select public.purge_logs(%s)", [older_than]).sqlstate == "22023"


@pytest.mark.parametrize("older_than", ["1 month", "-12 months 390 days", "30 days"])
def test_months_of_another_length_keep_no_fewer_days(backend: Session, older_than: str) -> None:
    # A month is 30 days when intervals are compared; the second is 25 days on every day of the year.
    for insert in LOGS.values():
        backend.execute(insert, {"key": "old", "processed": True, "age": "29 days 23 hours"})
    assert backend.value("select public.purge_logs(%s)", [older_than]) == 0


def test_purging_skips_what_somebody_holds(scene: Scene, service: Persona) -> None:
    with scene.database.connect(autocommit=True) as owner:
        for key in ("held", "free"):
            owner.execute(LOGS["webhook_logs"].encode(), {"key": key, "processed": True, "age": "1 year"})
    holder, upkeep = scene.join(service), scene.join(service)
    touch = "update public.webhook_logs set error_message = 'x' where event_id = 'held'"
    assert holder.attempt(touch).rowcount == 1
    assert upkeep.attempt("select public.purge_logs('30 days') as n").rows == [{"n": 1}]


QUESTIONS = {
    "users_email_idx": "select from public.users where lower(email) = 'alice@example.com'",
    "users_subscription_idx": "select from public.users where subscription_expires_at <= now()"
    " and subscription_tier <> 'free' and deleted_at is null",
    "payments_paid_idx": "select from public.payments where paid_at > now() - interval '1 day'",
    "credit_transactions_created_idx": "select from public.credit_transactions where created_at < now()",
    "webhook_logs_created_idx": "select from public.webhook_logs where processed and created_at < now()",
    "webhook_logs_unprocessed_idx": "select from public.webhook_logs where not processed order by created_at",
    "payments_pending_idx": "select from public.payments where status = 'PENDING' and created_at < now()",
    "debts_user_idx": f"select from private.debts where user_id = '{ALICE}'",
    "debts_payment_idx": f"select from private.debts where payment_id = '{ALICE}'",
    "debts_shortfall_idx": "select from private.debts where shortfall_id = 1",
    "partial_refunds_payment_idx": f"select from private.partial_refunds where payment_id = '{ALICE}'",
}


@pytest.mark.parametrize("index", QUESTIONS)
def test_question_has_an_index(owner: Session, index: str) -> None:
    owner.execute("set local enable_seqscan = off")
    plan = owner.value(f"explain (format json) {QUESTIONS[index]}")
    assert index in str(plan)
