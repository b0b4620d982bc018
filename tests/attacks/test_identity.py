"""Who a request is, over real logins as authenticator: claims missing, malformed, smuggled, left."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import Any, LiteralString

import psycopg
import pytest

from pgassay.database import Client, Database, Session, open_client
from pgassay.observation import Outcome, Persona
from tests.attacks.attack import ALICE, BOB, DAVE
from tests.attacks.requests import bare_request, undone_request

OWNED = (
    *("public.users", "public.jobs", "public.payments", "public.credit_transactions"),
    *("public.user_preferences", "public.user_stats", "storage.objects"),
)
NOTHING = dict.fromkeys(OWNED, 0)

INSERTS = (
    "insert into public.jobs (user_id, job_name) values ('{}', 'New')",
    "insert into public.user_preferences (user_id) values ('{}')",
    "insert into storage.objects (bucket_id, name) values ('raw-videos', '{}/new.mp4')",
)

UPDATES = (
    "update public.users set full_name = 'New' where id = %s",
    "update public.jobs set job_name = 'New' where user_id = %s and status = 'PENDING'",
    "update public.user_preferences set theme = 'dark' where user_id = %s",
)


def count_rows(client: Client) -> dict[str, int]:
    return {name: client.execute(f"select count(*) from {name}").rows[0]["count"] for name in OWNED}


def claims(**values: Any) -> dict[str, str]:
    return {"claims": json.dumps(values)}


WITHOUT_IDENTITY: dict[str, dict[str, str]] = {
    "no claims": {},
    "empty claims": {"claims": ""},
    "claims of nobody": claims(),
    "role alone": claims(role="authenticated"),
    "e-mail alone": claims(email="alice@example.com"),
    "empty sub": claims(sub=""),
    "null sub": claims(sub=None),
    "sub under another name": claims(SUB=ALICE, user_id=ALICE, id=ALICE),
    "sub below": claims(user_metadata={"sub": ALICE}),
    "a list": {"claims": f'["{ALICE}"]'},
    "a text": {"claims": f'"{ALICE}"'},
    "empty legacy sub": {"claim.sub": ""},
}


@pytest.mark.parametrize("settings", WITHOUT_IDENTITY.values(), ids=WITHOUT_IDENTITY)
def test_request_without_sub_sees_and_adds_nothing(
    client: Client, alice: Persona, settings: dict[str, str]
) -> None:
    with client.request(alice):
        assert all(count_rows(client).values())
    with bare_request(client, **settings):
        assert count_rows(client) == NOTHING
        attempts = [client.attempt(insert.format(ALICE)) for insert in INSERTS]
        attempts.append(client.attempt("insert into public.jobs (user_id) values (null)"))
    assert {(a.outcome, a.sqlstate) for a in attempts} == {(Outcome.DENIED_POLICY, "42501")}


MALFORMED: dict[str, dict[str, str]] = {
    "a word": claims(sub="alice"),
    "cut short": claims(sub=ALICE[:-1]),
    "too long": claims(sub=f"{ALICE}0"),
    "an injection": claims(sub=f"{ALICE}' or true --"),
    "a number": claims(sub=1),
    "a list": claims(sub=[ALICE]),
    "an object": claims(sub={"id": ALICE}),
    "claims cut short": {"claims": f'{{"sub": "{ALICE}"'},
    "legacy": {"claim.sub": "alice"} | claims(sub=ALICE),
}


@pytest.mark.parametrize("settings", MALFORMED.values(), ids=MALFORMED)
def test_malformed_sub_is_22p02_and_reads_nothing(client: Client, settings: dict[str, str]) -> None:
    with bare_request(client, **settings):
        attempts = [client.attempt(f"select * from {name}") for name in OWNED]
        attempts += [client.attempt(insert.format(ALICE)) for insert in INSERTS]
    assert {(attempt.sqlstate, len(attempt.rows)) for attempt in attempts} == {("22P02", 0)}


def test_upper_case_and_braces_in_sub_name_the_same_user_and_no_other(client: Client, alice: Persona) -> None:
    with client.request(alice):
        own = count_rows(client)
    for spelling in (ALICE.upper(), f"{{{ALICE}}}", ALICE.replace("-", "")):
        with bare_request(client, **claims(sub=spelling)):
            assert count_rows(client) == own


SMUGGLED = {
    "role": "service_role",
    "credits": 1000,
    "subscription_tier": "enterprise",
    "is_active": True,
    "total_credits_purchased": 1000,
    "sub": BOB,
    "id": BOB,
    "is_super_admin": True,
}


def test_metadata_of_a_token_has_no_effect(client: Client, alice: Persona) -> None:
    state = "select * from public.user_stats"
    with client.request(alice):
        own, stats = count_rows(client), client.execute(state).rows
    metadata = {"user_metadata": SMUGGLED, "app_metadata": SMUGGLED, "credits": 1000}
    with client.request(Persona(name="alice", role="authenticated", claims={**alice.claims, **metadata})):
        assert (count_rows(client), client.execute(state).rows) == (own, stats)
        assert client.value("select current_user || auth.role()") == "authenticatedauthenticated"
        attempt = client.attempt("update public.users set credits = 1000 where id = %s", [ALICE])
    assert (attempt.outcome, attempt.sqlstate) == (Outcome.DENIED_GRANT, "42501")


def test_metadata_at_sign_up_and_later_has_no_effect(clone: Database) -> None:
    eve = "e0e00000-0000-4000-8000-000000000009"
    metadata = json.dumps(SMUGGLED | {"full_name": "Eve"})
    with closing(clone.connect(user="supabase_auth_admin")) as auth:
        auth.execute(
            "insert into auth.users (id, role, raw_user_meta_data, raw_app_meta_data)"
            " values (%s, %s, %s, %s)",
            [eve, "service_role", metadata, metadata],
        )
        auth.execute("update auth.users set raw_user_meta_data = %s where id = %s", [metadata, eve])
        auth.commit()
    with (
        open_client(clone) as client,
        client.request(Persona(name="eve", role="authenticated", claims={"sub": eve})),
    ):
        rows = client.execute(
            "select full_name, credits, total_credits_purchased, subscription_tier from public.users"
        ).rows
        others = count_rows(client)
    assert [tuple(row.values()) for row in rows] == [("Eve", 0, 0, "free")]
    assert others == NOTHING | {"public.users": 1, "public.user_preferences": 1, "public.user_stats": 1}


@pytest.mark.parametrize("ending", ["commit", "rollback", "error"])
def test_claims_of_the_request_before_are_never_seen(
    client: Client, alice: Persona, anon: Persona, ending: str
) -> None:
    if ending == "commit":
        with client.request(alice):
            assert client.value("select auth.uid()::text") == ALICE
    elif ending == "rollback":
        with undone_request(client, alice):
            assert client.value("select auth.uid()::text") == ALICE
    else:
        with suppress(psycopg.errors.DivisionByZero), client.request(alice):
            client.execute("select auth.uid(), 1 / 0")
    assert client.value("select current_user::text") == "authenticator"
    client.connection.execute("rollback")
    with bare_request(client):
        assert client.value("select auth.uid()") is None
        assert count_rows(client) == NOTHING
    with client.request(anon):
        assert client.value("select auth.uid()") is None


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_legacy_claim_of_one_transaction_does_not_outlive_it(client: Client, ending: str) -> None:
    client.connection.execute(f"begin; set local request.jwt.claim.sub = '{BOB}'; {ending}".encode())
    with bare_request(client, **claims(sub=ALICE)):
        assert client.value("select auth.uid()::text") == ALICE


@pytest.mark.parametrize("setting", ["request.jwt.claims", "request.jwt.claim.sub"])
def test_claims_left_for_the_whole_session_are_overwritten_by_the_next_request(
    client: Client, alice: Persona, anon: Persona, setting: str
) -> None:
    """Whoever can send SET can be anybody: identity is what PostgREST sets, and it passes no SET on."""
    value = BOB if setting.endswith("sub") else claims(sub=BOB)["claims"]
    with client.request(alice):
        own = count_rows(client)
        client.execute("select set_config(%s, %s, false)", [setting, value])
        assert client.value("select auth.uid()::text") == BOB
    with client.request(alice):
        assert (client.value("select auth.uid()::text"), count_rows(client)) == (ALICE, own)
    with client.request(anon):
        assert client.value("select auth.uid()") is None
    with bare_request(client):
        assert client.value("select auth.uid()::text") == BOB


def test_legacy_claim_left_for_the_session_wins_where_a_server_does_not_clear_it(client: Client) -> None:
    """Open, of auth.uid() of Supabase: pinned, so that a change of it is noticed."""
    client.connection.execute(f"set request.jwt.claim.sub = '{BOB}'".encode())
    with bare_request(client, **claims(sub=ALICE)):
        assert client.value("select auth.uid()::text") == BOB


def test_live_token_of_a_closed_account_sees_and_changes_nothing(
    client: Client, session: Session, dave: Persona
) -> None:
    kept = "select count(*) from public.{} where user_id = %s"
    tables = ("jobs", "payments", "credit_transactions", "user_preferences")
    assert [session.value(kept.format(table), [DAVE]) for table in tables] == [2, 1, 5, 1]
    with undone_request(client, dave):
        assert count_rows(client) == NOTHING
        inserts = [client.attempt(insert.format(DAVE)) for insert in INSERTS]
        updates = [client.attempt(update, [DAVE]) for update in UPDATES]
    assert {(a.outcome, a.sqlstate) for a in inserts} == {(Outcome.DENIED_POLICY, "42501")}
    assert {(a.outcome, a.rowcount) for a in updates} == {(Outcome.FILTERED, 0)}


CLOSINGS = {
    "deleted": "delete from auth.users where id = %s",
    "soft-deleted by the auth server": "update auth.users set deleted_at = now() where id = %s",
    "soft-deleted by the backend": "update public.users set deleted_at = now() where id = %s",
}


@pytest.mark.parametrize("closing_sql", CLOSINGS.values(), ids=CLOSINGS)
def test_account_is_closed_to_the_next_request_of_a_connection_in_use(
    clone: Database, bob: Persona, closing_sql: LiteralString
) -> None:
    with open_client(clone) as client, closing(clone.connect(autocommit=True)) as owner:
        with undone_request(client, bob):
            assert all(count_rows(client).values())
            assert [client.attempt(update, [BOB]).outcome for update in UPDATES] == [Outcome.ALLOWED] * 3
        owner.execute(closing_sql, [BOB])
        with undone_request(client, bob):
            assert count_rows(client) == NOTHING
            assert [client.attempt(update, [BOB]).rowcount for update in UPDATES] == [0, 0, 0]
            inserts = [client.attempt(insert.format(BOB)) for insert in INSERTS]
    assert {(a.outcome, a.sqlstate) for a in inserts} == {(Outcome.DENIED_POLICY, "42501")}
