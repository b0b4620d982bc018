"""Attacks that take more than one statement, or more than one connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import LiteralString

import psycopg
import pytest

from pgassay.database import Database, Session
from pgassay.observation import Outcome, Persona
from tests.attacks.attack import ALICE, BOB, DAVE
from tests.shared.accounts import find_disagreements
from tests.shared.parallel import Scene, open_scene

PENDING = "a11ce000-0000-4000-8000-000000000101"
ENTRIES = "select string_agg(type::text, ',' order by id) from public.credit_transactions where job_id = %s"
CREDITS = "select credits from public.users where id = %s"
SET_STATUS = "update public.jobs set status = %s where id = %s"
TRIAL = """
    insert into public.payments (user_id, package_id, provider, status)
    select %s, id, 'MANUAL', 'COMPLETED' from public.credit_packages where name = 'Trial Pack'
"""


@pytest.fixture
def scene(clone: Database) -> Iterator[Scene]:
    with open_scene(clone) as scene:
        yield scene


def test_refunds_cannot_be_farmed(session: Session, alice: Persona) -> None:
    before = session.value(CREDITS, [ALICE])
    with session.act_as(alice):
        done = [session.attempt(SET_STATUS, [status, PENDING]) for status in ("QUEUED", "CANCELLED") * 3]
    assert [attempt.outcome for attempt in done] == [Outcome.ALLOWED] * 2 + [Outcome.FILTERED] * 4
    assert (session.value(ENTRIES, [PENDING]), session.value(CREDITS, [ALICE])) == ("USAGE,REFUND", before)
    assert find_disagreements(session) == []


def test_one_job_queued_from_two_devices_is_charged_once(scene: Scene, alice: Persona) -> None:
    before = scene.value(CREDITS, [ALICE])
    phone, laptop = scene.join(alice), scene.join(alice)
    assert phone.attempt(SET_STATUS, ["QUEUED", PENDING]).rowcount == 1
    late = laptop.start(SET_STATUS, ["QUEUED", PENDING])
    assert scene.blockers(laptop) == {phone.pid}
    phone.commit()
    assert late.result().rowcount == 1  # the same status again is no transition
    laptop.commit()
    assert (scene.value(ENTRIES, [PENDING]), scene.value(CREDITS, [ALICE])) == ("USAGE", before - 1)


def test_trial_taken_from_two_devices_gives_one_credit(scene: Scene, service: Persona) -> None:
    before = scene.value(CREDITS, [BOB])
    first, second = scene.join(service), scene.join(service)
    assert first.attempt(TRIAL, [BOB]).rowcount == 1
    late = second.start(TRIAL, [BOB])
    assert scene.blockers(second) == {first.pid}
    first.commit()
    attempt = late.result()
    assert (attempt.sqlstate, attempt.constraint) == ("23505", "payments_one_trial_per_user")
    second.commit()
    assert scene.value(CREDITS, [BOB]) == before + 1


def test_account_is_closed_by_nobody_but_its_user(session: Session, anon: Persona, alice: Persona) -> None:
    close = "select public.close_my_account()"
    with session.act_as(anon):
        assert session.attempt(close).sqlstate == "42501"
    with session.act_as(Persona(name="nobody", role="authenticated")):
        assert session.attempt(close).sqlstate == "PT403"
    with session.act_as(alice):
        assert session.attempt(close).outcome is Outcome.ALLOWED
    closed = session.execute(
        "select id::text from public.users where deleted_at is not null order by id"
    ).rows
    assert [row["id"] for row in closed] == [ALICE, DAVE]


@pytest.mark.parametrize("table", ["users", "jobs", "payments", "credit_transactions", "user_preferences"])
def test_copy_to_gives_own_rows_only(session: Session, alice: Persona, service: Persona, table: str) -> None:
    whose = "id" if table == "users" else "user_id"

    def owners(persona: Persona, source: str) -> set[str]:
        with session.act_as(persona), session.connection.cursor().copy(f"copy {source} to stdout") as rows:
            return {str(row[0]) for row in rows.rows()}

    for source in (f"public.{table} ({whose})", f"(select {whose} from public.{table})"):
        assert owners(alice, source) == {ALICE}
        assert owners(service, source) > {ALICE, BOB}


@pytest.mark.parametrize(("name", "sqlstate"), [("alice", "0A000"), ("service", None)])
def test_copy_from_is_refused(
    scene: Scene, personas: Mapping[str, Persona], name: str, sqlstate: str | None
) -> None:
    party = scene.join(personas[name])
    refusal = None
    try:
        with party.client.connection.cursor().copy("copy public.jobs (user_id) from stdin") as rows:
            rows.write_row([BOB])
    except psycopg.Error as error:
        refusal = error.sqlstate
    assert refusal == sqlstate


SHADOWS: tuple[LiteralString, ...] = (
    "create temp table users (like public.users)",
    "create temp table jobs (like public.jobs)",
    "create temp table credit_transactions (like public.credit_transactions)",
    "set local search_path = pg_temp, public",
)


def test_shadows_of_tables_have_no_effect(session: Session, alice: Persona) -> None:
    """Functions cannot be: pg_temp is never searched for them, and clients create nothing elsewhere."""
    before = session.value(CREDITS, [ALICE])
    with session.act_as(alice):
        for statement in SHADOWS:
            session.execute(statement)
        assert session.value("select count(*) from users") == 0  # they do shadow
        assert session.attempt(SET_STATUS, ["QUEUED", PENDING]).rowcount == 1
    assert (session.value(ENTRIES, [PENDING]), session.value(CREDITS, [ALICE])) == ("USAGE", before - 1)


@pytest.mark.parametrize(("persona", "limit"), [("anon", "3s"), ("alice", "8s")])
def test_endless_statement_is_ended(
    session: Session, personas: Mapping[str, Persona], persona: str, limit: str
) -> None:
    with session.act_as(personas[persona]):
        assert session.value("show statement_timeout") == limit
        session.execute("set local statement_timeout = '20ms'")  # not to wait for it here
        attempt = session.attempt("select count(*) from generate_series(1, 1000000000)")
    assert attempt.sqlstate == "57014"


@pytest.mark.parametrize(("firing", "sqlstate"), [("always", "PT405"), ("", "")])
@pytest.mark.parametrize(
    "statement",
    ["update public.credit_transactions set amount = amount", "truncate public.credit_transactions"],
)
def test_ledger_rests_on_enable_always(session: Session, firing: str, sqlstate: str, statement: str) -> None:
    session.execute(
        f"alter table public.credit_transactions enable {firing} trigger credit_transactions_append_only"
    )
    session.execute("set local session_replication_role = replica")
    assert session.attempt(statement).sqlstate == sqlstate
