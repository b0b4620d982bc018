"""webhook_logs: secrets are redacted, replays are recognised, the time of processing is stamped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from pgassay.database import Session
from pgassay.observation import Outcome

INSERT = "insert into public.webhook_logs (provider, event_id, event_type, headers) values (%s, %s, 'x', %s)"
SECRETS = (
    *("Stripe-Signature", "stripe-signature", "X-HUB-SIGNATURE-256", "webhook-signature"),
    *("Authorization", "authorization", "PROXY-AUTHORIZATION", "Cookie", "Set-Cookie"),
    *("X-Auth-Token", "X-Webhook-Secret", "X-Api-Key", "x_api_key", "apikey"),
    *("X-Shopify-Hmac-Sha256", "X-JWT-Assertion", "X-Session-Id", "X-Password", "X-Credential"),
    *("X-Passphrase", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "X-Master-Key", "X-Webhook-Key"),
    *("myaccesskeyid", "XSigned", "x-sig", "OldAuthTokens", "ssl-client-cert", "x-pwd", "X-Csrf-Token"),
)
PLAIN = ("Content-Type", "User-Agent", "X-Request-Id", "Idempotency-Key", "x_idempotency_key", "Date", "Via")
RAW = ["Host", "api", "Stripe-Signature", "t=1,v1=hush", "Content-Type", "application/json"]


def store(session: Session, headers: Any) -> Any:
    """Insert an event; its headers as they were stored."""
    return session.value(f"{INSERT} returning headers", ["stripe", "evt_new", Jsonb(headers)])


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", ["hush", ["hush"], {"v1": "hush"}, None])
def test_secret_header_is_redacted_whatever_its_case_and_value(
    backend: Session, name: str, value: Any
) -> None:
    assert store(backend, {name: value, "Host": "api"}) == {name: "[redacted]", "Host": "api"}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("value", ["text", ["text", "more"], None, 7])
def test_plain_header_is_kept(backend: Session, name: str, value: Any) -> None:
    assert store(backend, {name: value}) == {name: value}


@pytest.mark.parametrize("value", [{"authorization": "hush"}, {}, ["a", {"b": 1}], [[{"b": 1}]]])
def test_header_with_an_object_in_it_is_redacted_whatever_its_name(backend: Session, value: Any) -> None:
    assert store(backend, {"Content-Type": value}) == {"Content-Type": "[redacted]"}


@pytest.mark.parametrize(
    "value",
    [
        *[RAW, [RAW], [["host", "api"], ["authorization", "hush"]], ["X-Api-Key", "hush"], ["x-sig", "hush"]],
        *[
            "Authorization: Bearer hush",
            "host: api\r\nX-Api-Key: hush",
            "x_api_key: hush",
            "Bearer hush",
            ["host: api", "Cookie: a=hush"],
        ],
    ],
)
def test_secret_in_a_list_or_in_a_value_is_redacted(backend: Session, value: Any) -> None:
    assert store(backend, {"rawHeaders": value, "Host": "api"}) == {"rawHeaders": "[redacted]", "Host": "api"}


@pytest.mark.parametrize(
    "value",
    [
        *[
            ["Host", "api", "X-Request-Id", "abc"],
            "Mozilla/5.0 (X11; Linux) insights-bot",
            "application/json",
        ],
        *["req_sigkeyjwtpwd", "4f0c8f0e-7a1a-4a8c-9a55-8d6c1f3d2b1a", "keep-alive"],
    ],
)
def test_list_or_value_without_a_secret_is_kept(backend: Session, value: Any) -> None:
    assert store(backend, {"X-Request-Id": value}) == {"X-Request-Id": value}


@pytest.mark.parametrize("provider", ["STRIPE", " Stripe ", "sTRIPE"])
def test_provider_is_one_however_it_is_spelled(backend: Session, provider: str) -> None:
    tried = backend.attempt(INSERT, [provider, "evt_1", Jsonb({})])
    assert (tried.sqlstate, tried.constraint) == ("23505", "webhook_logs_event_is_unique")
    assert backend.value(f"{INSERT} returning provider", [provider, "evt_2", Jsonb({})]) == "stripe"
    moved = "update public.webhook_logs set provider = %s where event_id = 'evt_2' and provider = 'replicate'"
    assert backend.attempt(moved, [provider]).constraint == "webhook_logs_event_is_unique"


def test_event_without_headers_is_kept(backend: Session) -> None:
    assert store(backend, {}) == {}


def test_secret_header_of_an_update_is_redacted(backend: Session) -> None:
    store(backend, {})
    update = "update public.webhook_logs set headers = %s where event_id = 'evt_new' returning headers"
    assert backend.value(update, [Jsonb({"AUTHORIZATION": "hush"})]) == {"AUTHORIZATION": "[redacted]"}


@pytest.mark.parametrize("headers", [["Authorization: hush"], "Authorization: hush", 7, None])
def test_headers_that_are_no_object_are_refused(backend: Session, headers: Any) -> None:
    tried = backend.attempt(INSERT, ["stripe", "evt_new", Jsonb(headers)])
    assert (tried.sqlstate, tried.constraint) == ("23514", "webhook_logs_headers_is_small_object")


def test_replayed_event_is_recognised(backend: Session) -> None:
    # evt_1 of stripe is in the world.
    tried = backend.attempt(INSERT, ["stripe", "evt_1", Jsonb({})])
    assert (tried.outcome, tried.sqlstate) == (Outcome.REJECTED, "23505")
    assert tried.constraint == "webhook_logs_event_is_unique"
    again = f"{INSERT} on conflict (provider, event_id) do nothing"
    assert backend.attempt(again, ["stripe", "evt_1", Jsonb({})]).outcome is Outcome.FILTERED
    assert backend.attempt(again, ["replicate", "evt_1", Jsonb({})]).rowcount == 1
    assert backend.attempt(again, ["stripe", "evt_new", Jsonb({})]).rowcount == 1


@pytest.mark.parametrize(("processed", "is_stamped"), [(True, True), (False, False)])
@pytest.mark.parametrize("path", ["insert", "update"])
def test_processed_at_is_stamped_with_processed(
    backend: Session, path: str, processed: bool, is_stamped: bool
) -> None:
    earliest = backend.value("select clock_timestamp()")
    query = (
        "insert into public.webhook_logs (provider, event_id, event_type, processed) values (%s, %s, 'x', %s)"
    )
    backend.execute(query, ["stripe", "evt_new", processed if path == "insert" else not processed])
    update = "update public.webhook_logs set processed = %s where event_id = 'evt_new' returning processed_at"
    stamp = backend.value(update, [processed])
    assert (stamp is not None) == is_stamped
    assert stamp is None or earliest <= stamp <= backend.value("select clock_timestamp()")


def test_processed_at_does_not_move_afterwards(backend: Session) -> None:
    query = "select processed_at from public.webhook_logs where event_id = 'evt_1'"
    stamp = backend.value(query)
    backend.execute("update public.webhook_logs set error_message = 'late' where event_id = 'evt_1'")
    assert stamp is not None
    assert backend.value(query) == stamp


def test_time_of_processing_that_the_backend_gives_is_kept(backend: Session) -> None:
    given = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
    insert = """
        insert into public.webhook_logs (provider, event_id, event_type, processed, processed_at)
        values ('stripe', 'evt_new', 'x', true, %s) returning processed_at
    """
    assert backend.value(insert, [given]) == given
    update = (
        "update public.webhook_logs set processed_at = %s where event_id = 'evt_1' returning processed_at"
    )
    assert backend.value(update, [given]) == given


def test_event_that_is_not_processed_has_no_time(backend: Session) -> None:
    query = """
        insert into public.webhook_logs (provider, event_id, event_type, processed_at)
        values ('stripe', 'evt_new', 'x', now()) returning processed_at
    """
    assert backend.execute(query).rows == [{"processed_at": None}]
