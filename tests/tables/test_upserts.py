"""Upserts as supabase-js sends them: every column of the payload is set, whatever stood there before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgassay.database import Session
from pgassay.observation import Attempt, Outcome, Persona
from tests.shared.accounts import ALICE, BOB, read_books
from tests.shared.payments import ALICE_PAYMENTS, order, read_payment


def upsert(
    session: Session, table: str, payload: dict[str, Any], target: str, *, ignore: bool = False
) -> Attempt:
    """The statement that PostgREST makes of `upsert(payload, { onConflict: target })`."""
    columns = ", ".join(f'"{name}"' for name in payload)
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in payload)
    return session.attempt(
        f"""
            with payload as (select %s::json as body)
            insert into public.{table} ({columns})
            select {columns} from payload, json_populate_record(null::public.{table}, payload.body)
            on conflict ({target}) do {"nothing" if ignore else f"update set {changes}"}
            returning *
        """,
        [json.dumps(payload)],
    )


@pytest.fixture
def order_of_bob(backend: Session) -> dict[str, Any]:
    """What the backend wrote when Bob began to pay; its id and transaction are known since."""
    row = order(backend, BOB, "Popular Pack", provider_transaction_id="pi_upsert").rows[0]
    assert row["status"] == "PENDING"
    return {name: str(row[name]) for name in ("id", "user_id", "package_id", "provider")} | {
        "provider_transaction_id": "pi_upsert",
        "status": "COMPLETED",
    }


CHANGE = "update public.credit_packages set price_thb = 1, credits = 50, is_active = false where credits = 10"


@pytest.mark.parametrize("target", ["id", "provider, provider_transaction_id"])
@pytest.mark.parametrize(
    "left_out",
    [
        *[[], ["user_id"], ["package_id"], ["user_id", "package_id"]],
    ],
    ids=lambda names: " ".join(names) or "nothing",
)
@pytest.mark.parametrize("sent", [{}, {"amount_thb": 299, "credits_purchased": 10}, {"amount_thb": None}])
def test_completion_of_a_payment_after_a_change_of_price(
    backend: Session,
    order_of_bob: dict[str, Any],
    target: str,
    left_out: list[str],
    sent: dict[str, Any],
) -> None:
    before = read_books(backend, BOB)
    assert backend.execute(CHANGE).rowcount == 1
    payload = {name: value for name, value in (order_of_bob | sent).items() if name not in left_out}
    for _ in range(2):
        assert upsert(backend, "payments", payload, target).sqlstate == ""
    after = read_payment(backend, order_of_bob["id"])
    assert (after["status"], after["amount_thb"], after["credits_purchased"]) == ("COMPLETED", 299, 10)
    assert (str(after["user_id"]), str(after["package_id"])) == (BOB, order_of_bob["package_id"])
    assert read_books(backend, BOB).since(before) == [("PURCHASE", 10, before.credits + 10)]


def test_payload_by_id_needs_no_transaction(backend: Session, order_of_bob: dict[str, Any]) -> None:
    del order_of_bob["provider_transaction_id"]
    assert upsert(backend, "payments", order_of_bob, "id").sqlstate == ""
    assert read_payment(backend, order_of_bob["id"])["provider_transaction_id"] == "pi_upsert"


def test_refund_by_upsert_takes_the_credits_once(backend: Session, order_of_bob: dict[str, Any]) -> None:
    before = read_books(backend, BOB)
    for status in ("COMPLETED", "REFUNDED", "REFUNDED"):
        assert upsert(backend, "payments", order_of_bob | {"status": status}, "id").sqlstate == ""
    credits = before.credits
    expected = [("PURCHASE", 10, credits + 10), ("ADJUSTMENT", -10, credits)]
    assert read_books(backend, BOB).since(before) == expected


@pytest.mark.parametrize(
    "change", [{"amount_thb": 298.99}, {"credits_purchased": 11}, {"user_id": ALICE}, {"status": "CANCELLED"}]
)
def test_upsert_changes_nothing_that_is_frozen(
    backend: Session, order_of_bob: dict[str, Any], change: dict[str, Any]
) -> None:
    assert upsert(backend, "payments", order_of_bob, "id").sqlstate == ""
    before, books = read_payment(backend, order_of_bob["id"]), read_books(backend, BOB)
    assert upsert(backend, "payments", order_of_bob | change, "id").sqlstate == "PT409"
    assert (read_payment(backend, order_of_bob["id"]), read_books(backend, BOB)) == (before, books)


def test_upsert_sells_no_other_package(backend: Session, order_of_bob: dict[str, Any]) -> None:
    starter = backend.value("select id::text from public.credit_packages where name = 'Starter Pack'")
    assert starter != order_of_bob["package_id"]
    assert upsert(backend, "payments", order_of_bob | {"package_id": starter}, "id").sqlstate == "PT409"
    assert upsert(backend, "payments", order_of_bob, "id").sqlstate == ""


def test_number_of_another_provider_is_another_sale(backend: Session, order_of_bob: dict[str, Any]) -> None:
    sold = order(backend, ALICE, "Starter Pack", provider="PROMPTPAY", provider_transaction_id="pi_upsert")
    assert sold.sqlstate == ""
    assert (sold.rows[0]["amount_thb"], sold.rows[0]["credits_purchased"]) == (99, 3)
    assert read_payment(backend, order_of_bob["id"])["amount_thb"] == 299


def test_upsert_that_meets_no_row_is_a_sale_like_any_other(
    backend: Session, order_of_bob: dict[str, Any]
) -> None:
    new = order_of_bob | {"provider_transaction_id": "pi_new"}
    del new["id"]
    target = "provider, provider_transaction_id"
    assert upsert(backend, "payments", new | {"amount_thb": 1}, target).sqlstate == "PT409"
    assert upsert(backend, "payments", new, target).rows[0]["amount_thb"] == 299
    assert backend.execute(CHANGE).rowcount == 1
    late = new | {"provider_transaction_id": "pi_late"}
    assert upsert(backend, "payments", late, target).sqlstate == "PT409"


def test_row_with_the_same_transaction_under_another_id_stays_a_conflict(
    backend: Session, order_of_bob: dict[str, Any]
) -> None:
    other = order_of_bob | {"id": "0ffe2000-0000-4000-8000-000000000008"}
    tried = upsert(backend, "payments", other, "id")
    assert (tried.sqlstate, tried.constraint) == ("23505", "payments_provider_transaction_is_unique")
    tried = upsert(backend, "payments", other, "provider, provider_transaction_id")
    assert (tried.sqlstate, tried.rows) == ("PT409", [])


def test_metadata_of_an_upsert_keeps_the_shortfall(backend: Session) -> None:
    refunded = read_payment(backend, ALICE_PAYMENTS["REFUNDED"])
    assert refunded["metadata"] == {}
    backend.execute(
        "select public.grant_credits(id, -credits, 'ADJUSTMENT', 'x') from public.users where id = %s",
        [ALICE],
    )
    completed = read_payment(backend, ALICE_PAYMENTS["COMPLETED"])
    payload = {name: str(completed[name]) for name in ("id", "user_id", "package_id", "provider")} | {
        "provider_transaction_id": completed["provider_transaction_id"],
        "status": "REFUNDED",
        "metadata": {"reason": "chargeback"},
    }
    for _ in range(2):
        assert upsert(backend, "payments", payload, "id").sqlstate == ""
        after = read_payment(backend, ALICE_PAYMENTS["COMPLETED"])
        assert after["metadata"] == {"reason": "chargeback", "shortfall": 10}


def test_event_sent_twice_under_two_spellings_is_one(backend: Session) -> None:
    payload = {"provider": "STRIPE", "event_id": "evt_1", "event_type": "x"}
    tried = upsert(backend, "webhook_logs", payload, "provider, event_id", ignore=True)
    assert tried.outcome is Outcome.FILTERED
    tried = upsert(backend, "webhook_logs", payload | {"provider": " Stripe "}, "provider, event_id")
    assert [(row["provider"], row["event_type"]) for row in tried.rows] == [("stripe", "x")]
    assert backend.value("select count(*) from public.webhook_logs where event_id = 'evt_1'") == 1


def test_user_saves_her_preferences(session: Session, alice: Persona, bob: Persona) -> None:
    settings = {"user_id": alice.id, "theme": "light", "language": "th", "preferences_json": {"zoom": 2}}
    with session.act_as(alice):
        assert upsert(session, "user_preferences", settings, "user_id").rowcount == 1
    # Also when the row is missing.
    session.execute("delete from public.user_preferences where user_id = %s", [alice.id])
    with session.act_as(alice):
        assert upsert(session, "user_preferences", settings, "user_id").rows[0]["theme"] == "light"
        foreign = upsert(session, "user_preferences", settings | {"user_id": bob.id}, "user_id")
        stamped = upsert(session, "user_preferences", settings | {"updated_at": "2000-01-01"}, "user_id")
    assert (foreign.outcome, foreign.sqlstate) == (Outcome.DENIED_POLICY, "42501")
    assert stamped.outcome is Outcome.DENIED_GRANT
    themes = "select theme from public.user_preferences where user_id = %s"
    assert [session.value(themes, [user.id]) for user in (alice, bob)] == ["light", "auto"]


def test_packages_are_upserted_by_name(backend: Session) -> None:
    payload = {"name": "Pro Pack", "credits": 30, "price_thb": 699}
    assert upsert(backend, "credit_packages", payload, "name").rows[0]["credits"] == 30
