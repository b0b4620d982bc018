"""Everything that an answer carries, compared: "exists, and is not yours" must look like "does not exist"."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest

from pgassay.database import Database, Session, open_client
from pgassay.denial import removed
from pgassay.observation import Attempt, Persona
from tests.attacks.attack import ALICE, BOB
from tests.attacks.probes import BOBS_JOB, NO_JOB, PROBES, Probe


def answer(attempt: Attempt, asked: str) -> tuple[Any, ...]:
    """All that came back, without the words of the question."""
    texts = (attempt.message, attempt.detail, attempt.hint, attempt.context, *attempt.notices)
    names = (attempt.constraint, attempt.table, attempt.column)
    said = tuple(text.replace(asked, "?") for text in texts)
    return (attempt.outcome, attempt.sqlstate, attempt.rowcount, attempt.rows, *names, *said)


def ask(session: Session, probe: Probe, persona: Persona | None = None) -> list[tuple[Any, ...]]:
    """The answers to what is there and to what is missing, to `persona` or to the owner."""
    answers = []
    for asked in (probe.there, probe.missing):
        with removed(session, ()):
            if probe.prepare:
                session.execute(probe.prepare)
            with session.act_as(persona) if persona else nullcontext():
                answers.append(answer(session.attempt(probe.sql.replace("{}", asked)), asked))
    return answers


@pytest.mark.parametrize("name", ["alice", "anon", "dave"])
@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_foreign_and_missing_look_the_same(
    session: Session, personas: Mapping[str, Persona], probe: Probe, name: str
) -> None:
    there, missing = ask(session, probe, personas[name])
    assert there == missing


@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_owner_of_the_schema_tells_them_apart(session: Session, probe: Probe) -> None:
    """The control: to whom no policy and no grant is in the way, the same statement tells."""
    there, missing = ask(session, probe)
    assert there != missing


PEEK = """
    create function pg_temp.peek(text) returns boolean language plpgsql cost 0.0001 as
    $$ begin raise notice '%', $1; return true; end $$
"""
SHOWN = {
    "public.users": "concat(id, email)",
    "public.jobs": "concat(user_id, id)",
    "public.payments": "concat(user_id, id)",
    "public.credit_transactions": "concat(user_id, id)",
    "public.user_preferences": "user_id::text",
    "public.credit_packages": "name",
    "public.user_stats": "concat(id, email, total_jobs)",
    "storage.objects": "name",
}
"""What a leaky function is shown of each relation."""


@pytest.mark.parametrize("relation", SHOWN)
def test_cheap_function_with_a_side_effect_is_shown_visible_rows_alone(
    session: Session, alice: Persona, relation: str
) -> None:
    """The planner runs the cheapest condition first, unless a policy comes before it."""
    query = f"select from {relation} where pg_temp.peek({SHOWN[relation]})"
    with session.act_as(alice):
        session.execute(PEEK)
        seen = session.attempt(query).notices
        visible = {row["x"] for row in session.execute(f"select {SHOWN[relation]} as x from {relation}").rows}
    everything = session.attempt(query).notices
    assert set(seen) == visible
    assert set(seen) < set(everything)
    if relation != "public.credit_packages":
        assert all(notice.startswith(ALICE) for notice in seen)
        assert any(notice.startswith(BOB) for notice in everything)


@pytest.mark.parametrize("name", ["alice", "anon"])
def test_function_is_shown_nothing_where_there_is_no_grant(
    session: Session, personas: Mapping[str, Persona], name: str
) -> None:
    with session.act_as(personas[name]):
        session.execute(PEEK)
        attempts = [
            session.attempt(f"select from public.{relation} as r where pg_temp.peek(r::text)")
            for relation in ("job_queue_status", "webhook_logs", "api_usage_logs")
        ]
    assert {(attempt.sqlstate, attempt.notices) for attempt in attempts} == {("42501", ())}


OWN_MISTAKES = {
    "a check": ("update public.user_preferences set theme = 'x' where user_id = auth.uid()", "23514"),
    "a title": ("insert into public.jobs (user_id, job_name) values (auth.uid(), '')", "23514"),
    "a path": (
        f"insert into public.jobs (user_id, input_video_path) values (auth.uid(), '{BOB}/x.mp4')",
        "23514",
    ),
    "a duplicate": (
        "insert into public.jobs (user_id, client_request_id) values (auth.uid(), 'request-101')",
        "23505",
    ),
    "a null": ("insert into public.jobs (user_id, job_name) values (auth.uid(), null)", "23502"),
    "no credits": (
        "insert into public.jobs (user_id, status, input_video_path)"
        " select auth.uid(), 'QUEUED', auth.uid() || '/x.mp4' from generate_series(1, 99)",
        "PT402",
    ),
    "too many": (
        "insert into public.jobs (user_id) select auth.uid() from generate_series(1, 101)",
        "PT429",
    ),
    "a foreign row": (f"insert into public.jobs (user_id) values ('{BOB}')", "42501"),
}


@pytest.mark.parametrize(("statement", "sqlstate"), OWN_MISTAKES.values(), ids=OWN_MISTAKES)
def test_error_has_no_detail_that_could_show_a_row(
    session: Session, alice: Persona, statement: str, sqlstate: str
) -> None:
    with session.act_as(alice):
        attempt = session.attempt(statement)
    assert (attempt.sqlstate, attempt.detail, attempt.hint, attempt.notices) == (sqlstate, "", "", ())


@pytest.mark.parametrize("mistake", ["a check", "a duplicate", "a null"])
def test_same_error_shows_the_row_to_its_owner(session: Session, mistake: str) -> None:
    """The control: PostgreSQL keeps DETAIL from those alone who are under policies."""
    statement, _ = OWN_MISTAKES[mistake]
    attempt = session.attempt(statement.replace("auth.uid()", f"'{ALICE}'"))
    assert ALICE in attempt.detail


def test_returning_shows_own_rows_alone(session: Session, alice: Persona) -> None:
    update = "update public.user_preferences set theme = 'dark' returning user_id::text"
    with session.act_as(alice):
        assert session.execute(update).rows == [{"user_id": ALICE}]
    assert len(session.execute(update).rows) == 3


LOCKS = ("for update skip locked", "for update nowait", "for key share nowait")


def test_lock_on_a_foreign_row_is_not_felt(clone: Database, alice: Persona, bob: Persona) -> None:
    query = "select id from public.jobs where id = '{}' {}"
    with (
        open_client(clone) as holder,
        open_client(clone) as asker,
        open_client(clone) as control,
        holder.request(bob),
        asker.request(alice),
        control.request(bob),
    ):
        assert holder.execute(query.format(BOBS_JOB, "for update")).rowcount == 1
        felt = {lock: control.attempt(query.format(BOBS_JOB, lock)).sqlstate for lock in LOCKS}
        asked = [
            answer(asker.attempt(query.format(job, lock)), job)
            for lock in LOCKS
            for job in (BOBS_JOB, NO_JOB)
        ]
    assert felt == dict(zip(LOCKS, ("", "55P03", "55P03"), strict=True))
    assert len(set(map(repr, asked))) == 1
