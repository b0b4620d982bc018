"""Spellings that are the same to people are the same to the schema: letter case, and words in a name."""

from __future__ import annotations

import json

import pytest

from pgassay.database import Session
from pgassay.observation import Persona
from tests.shared.accounts import ALICE

EMAIL = "select email from public.users where id = %s"


@pytest.mark.parametrize("email", ["ALICE@example.com", "Alice@Example.com", "alice@example.com "])
def test_change_of_spelling_alone_is_followed(owner: Session, email: str) -> None:
    owner.execute("update auth.users set email = %s where id = %s", [email, ALICE])
    assert owner.value(EMAIL, [ALICE]) == email


@pytest.mark.parametrize("asked", ["alice@example.com", "ALICE@EXAMPLE.COM", " Alice@Example.com "])
@pytest.mark.parametrize("stored", ["alice@example.com", "aLiCe@example.com"])
def test_user_is_found_however_the_address_is_spelled(
    owner: Session, service: Persona, asked: str, stored: str
) -> None:
    owner.execute("update auth.users set email = %s where id = %s", [stored, ALICE])
    with owner.act_as(service):
        found = owner.execute("select id::text from public.find_users(%s)", [asked]).rows
    assert [row["id"] for row in found] == [ALICE]


HEADERS = {
    "Stripe-Signature": True,
    "XSignature": True,
    "x_mysignature_v2": True,
    "xAuth": True,
    "OAuthInfo": True,
    "mytoken": True,
    "TokenizedCard": True,
    "PHPSESSIDsession": True,
    "setcookie2": True,
    "clientSecretHash": True,
    "xapikey": True,
    "Ocp-Apim-Subscription-Key": True,
    "passphrase": True,
    "hmacsha256": True,
    "Content-Type": False,
    "User-Agent": False,
    "X-Request-Id": False,
    "Date": False,
}


@pytest.mark.parametrize("name", HEADERS)
def test_header_is_redacted_wherever_the_secret_word_stands(backend: Session, name: str) -> None:
    """Words begin and end where they like: with a hyphen, an underscore, a capital, or nothing."""
    for number, spelled in enumerate((name, name.lower(), name.upper())):
        kept = backend.value(
            "insert into public.webhook_logs (provider, event_id, event_type, headers)"
            " values ('x', %s, 'x', %s) returning headers ->> %s",
            [f"{name} {number}", json.dumps({spelled: "value"}), spelled],
        )
        assert kept == ("[redacted]" if HEADERS[name] else "value")


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://example.com/a.png", True),
        ("HTTP://example.com/a.png", True),
        ("javascript:https://example.com", False),
        ("javascript://x/?https://example.com", False),
        (" https://example.com/a.png", False),
        ("xhttps://example.com/a.png", False),
        ("https://example.com/ javascript:x", False),
    ],
)
def test_avatar_of_a_sign_up_is_an_address_from_its_first_letter_to_its_last(
    owner: Session, url: str, is_kept: bool
) -> None:
    user = "7e570000-0000-4000-8000-000000000001"
    owner.execute(
        "insert into auth.users (id, raw_user_meta_data) values (%s, %s)",
        [user, json.dumps({"avatar_url": url})],
    )
    assert owner.value("select avatar_url from public.users where id = %s", [user]) == (
        url if is_kept else None
    )
