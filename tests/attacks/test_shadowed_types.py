"""Temporary types are found first, even with an empty search_path: no function's body may look for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Outcome, Persona
from tests.shared.accounts import ALICE, ALICE_JOBS, BOB, DAVE
from tests.shared.body_types import find_unqualified_types
from tests.shared.parallel import Scene, open_scene

# A check that enriches Alice when it runs with the rights to, and tells whose they are when it does not.
SPY = f"""
    create function pg_temp.spy(value anyelement) returns boolean language plpgsql as $$
    begin
        raise notice 'ran as %', current_user;
        update public.users set credits = credits + 1000 where id = '{ALICE}';
        return true;
    exception when insufficient_privilege then
        return true;
    end $$
"""
NAMES = ["uuid", "text", "timestamptz", "jsonb", "int4", "bool", "interval", "numeric", "record"]
# What record may hide: a row. The others hide the type of their name.
BASES = {"record": "public.jobs"}

BOBS_RENDERING = f"{BOB[:-3]}106"
ENQUEUE = "update public.jobs set status = %s where id = %s"
PAY = "update public.payments set status = %s, provider_transaction_id = 'pi_a2' where id = %s"
Statement = tuple[str, Sequence[Any]]
CLIENT: list[Statement] = [
    ("insert into public.jobs (user_id, status) values (%s, 'PENDING')", [ALICE]),
    (
        "insert into public.jobs (user_id, status, input_video_path) values (%s, 'QUEUED', %s)",
        [ALICE, f"{ALICE}/in.mp4"],
    ),
    (ENQUEUE, ["QUEUED", ALICE_JOBS["PENDING"]]),
    (ENQUEUE, ["CANCELLED", ALICE_JOBS["QUEUED"]]),
    ("update public.users set full_name = 'New' where id = %s", [ALICE]),
    ("update public.user_preferences set theme = 'light' where user_id = %s", [ALICE]),
]
BACKEND: list[Statement] = [
    *CLIENT,
    ("select * from public.claim_next_jobs('w', 5, '1 hour')", []),
    (ENQUEUE, ["FAILED", ALICE_JOBS["TRANSCRIBING"]]),
    ("update public.jobs set transcription_json = '{}' where id = %s", [ALICE_JOBS["ANALYZING"]]),
    (
        "update public.jobs set lease_expires_at = now() - interval '1 s' where id = %s",
        [ALICE_JOBS["RENDERING"]],
    ),
    ("select * from public.reclaim_expired_jobs()", []),
    (PAY, ["REFUNDED", f"{ALICE[:-3]}202"]),
    (
        """insert into public.payments (user_id, provider, amount_thb, credits_purchased, status)
        values (%s, 'MANUAL', 1, 1, 'COMPLETED')""",
        [ALICE],
    ),
    ("select public.grant_credits(%s, 1, 'BONUS', 'x', 'key')", [ALICE]),
    (
        """insert into public.webhook_logs (provider, event_id, event_type, headers)
        values ('x', 'x', 'x', '{"Cookie": "x"}')""",
        [],
    ),
    ("select public.heartbeat_job(id, attempt_token) from public.jobs where id = %s", [BOBS_RENDERING]),
    (
        "select public.complete_job(id, attempt_token, user_id || '/x.mp4') from public.jobs where id = %s",
        [BOBS_RENDERING],
    ),
    (
        "select public.fail_job(id, attempt_token, 'x') from public.jobs where id = %s",
        [ALICE_JOBS["ANALYZING"]],
    ),
    (
        "select public.grant_credits(id, -credits, 'ADJUSTMENT', 'x') from public.users where id = %s",
        [BOB],
    ),
    ("select public.refund_partially(%s, 1, 'x', 'x')", [f"{BOB[:-3]}202"]),
    ("select public.reinstate_payment(%s)", [f"{ALICE[:-3]}202"]),
    ("select public.credits_owed(%s)", [ALICE]),
    ("select public.settle_debt(%s, 1, 'x', 'x')", [BOB]),
    ("select public.reopen_account(%s)", [DAVE]),
    ("select * from public.find_users('alice@example.com')", []),
    (
        "update public.users set subscription_tier = 'pro', subscription_expires_at = now() where id = %s",
        [ALICE],
    ),
    ("select * from public.expiring_subscriptions('1 day')", []),
    ("select * from public.expire_subscriptions()", []),
    ("select public.purge_logs('30 days')", []),
    ("update public.users set deleted_at = now() where id = %s", [BOB]),
]


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


@pytest.mark.parametrize("type_name", NAMES)
@pytest.mark.parametrize(
    ("name", "statements"),
    [("alice", [*CLIENT, ("select public.close_my_account()", [])]), ("service", BACKEND)],
    ids=["alice", "service"],
)
def test_hostile_type_of_a_client_runs_with_no_rights_but_its_own(
    scene: Scene, personas: dict[str, Persona], name: str, statements: list[Statement], type_name: str
) -> None:
    party = scene.join(personas[name])
    base = BASES.get(type_name, f"pg_catalog.{type_name}")
    for statement in (SPY, f"create domain pg_temp.{type_name} as {base} check (pg_temp.spy(value))"):
        assert party.attempt(statement).sqlstate == ""
    attempts = [party.attempt(*statement) for statement in statements]
    # auth.uid() of Supabase does name uuid, and runs as who asks.
    assert {notice for attempt in attempts for notice in attempt.notices} <= {f"ran as {personas[name].role}"}
    assert [attempt.outcome for attempt in attempts] == [Outcome.ALLOWED] * len(attempts)
    party.commit()


@pytest.mark.parametrize(("role", "gain"), [("alice", 0), ("owner", 1000)])
def test_spy_takes_what_its_role_may(scene: Scene, alice: Persona, role: str, gain: int) -> None:
    """The control of the test above: run with the owner's rights, the check does harm and says so."""
    credits = "select credits from public.users where id = %s"
    owner = Persona(name="owner", role=scene.database.owner)
    before = scene.value(credits, [ALICE])
    party = scene.join(alice) if role == "alice" else scene.join(owner, login=owner.role)
    party.attempt(SPY)
    party.attempt("create domain pg_temp.text as pg_catalog.text check (pg_temp.spy(value))")
    attempt = party.attempt("select 'x'::pg_temp.text")
    assert attempt.notices == (f"ran as {'authenticated' if role == 'alice' else owner.role}",)
    assert party.attempt(credits, [ALICE]).rows == [{"credits": before + gain}]


def test_function_bodies_name_no_type_without_its_schema(session: Session) -> None:
    query = """
        select p.oid::regprocedure::text as name, l.lanname as language, p.prosrc as body,
            pg_get_functiondef(p.oid) as definition
        from pg_proc as p inner join pg_language as l on p.prolang = l.oid
        where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
    """
    functions = {row.pop("name"): row for row in session.execute(query).rows}
    assert len(functions) > 20
    found = {name: find_unqualified_types(**parts) for name, parts in functions.items()}
    assert {name: types for name, types in found.items() if types} == {}


BODY = """
    declare
        a public.users.id%type; b uuid; c constant pg_catalog.timestamptz := now(); d boolean not null = true;
        -- e is a row
        e public.jobs; f record; g pg_catalog.int8;
    begin
        for a, d in select x::bpchar, true from y loop g := 'now'::time; new.x := text 'z'; end loop;
        if d = 'x'::pg_catalog.text then return cast(1 as jsonb); end if;
    end
"""


@pytest.mark.parametrize(
    ("language", "body", "types"),
    [
        ("plpgsql", BODY, ["bpchar", "jsonb", "record", "text", "uuid"]),
        ("sql", "select 'x'::text, 'y'::pg_catalog.uuid, 1::int, interval '1 s'", ["text"]),
    ],
)
def test_type_without_its_schema_is_found(language: str, body: str, types: list[str]) -> None:
    """The control of the test above: declared, cast to, in an assignment, a condition and a query."""
    definition = f"create function f() returns trigger language {language} as $${body}$$"
    found = find_unqualified_types(language=language, definition=definition, body=body)
    assert sorted(found) == types


@pytest.mark.parametrize("table", ["users", "jobs", "credit_transactions", "payments"])
def test_temporary_table_of_a_client_deceives_no_function(
    session: Session, alice: Persona, table: str
) -> None:
    """An empty search path still finds temporary tables first: only a qualified name is safe."""
    balance = "select credits from public.users where id = %s"
    before = session.value(balance, [alice.id])
    session.act_as(alice)
    session.execute(f"create temporary table {table} (like public.{table} including all)")
    session.execute(
        "insert into public.jobs (user_id, status, input_video_path) values (%s, 'QUEUED', %s)",
        [alice.id, f"{alice.id}/new.mp4"],
    )
    assert session.value(balance, [alice.id]) == before - 1
    assert session.value(f"select count(*) from pg_temp.{table}") == 0
