"""Contracts judged in a real session: what runs away is ended."""

from __future__ import annotations

import psycopg
import pytest

from pgassay.database import Session
from pgassay.plans.assessment import SINCE, scale_statistics
from pgassay.plans.judging import Judge
from pgassay.plans.model import OWNER, Contract


def judge(notes: psycopg.Connection, *queries: str) -> list[tuple[str, ...]]:
    contracts = [Contract(name=query, persona=OWNER, query=query) for query in queries]
    session = Session(notes, owner=notes.info.user)
    judgements = Judge(session=session, personas={}, timeout_seconds=1).judge(contracts)
    return [judgement.breaches for judgement in judgements]


def test_query_that_runs_away_breaks_its_contract_and_no_other(notes: psycopg.Connection) -> None:
    assert judge(notes, "select pg_sleep(3600)", "select 1") == [("runs away: cancelled after 1s",), ()]


def test_shorter_time_limit_of_the_session_stays(notes: psycopg.Connection) -> None:
    notes.execute("set statement_timeout = '200ms'")
    assert judge(notes, "select pg_sleep(3600)") == [("runs away: cancelled after 200ms",)]


def test_statistics_are_scaled_to_the_largest_table_of_the_project(notes: psycopg.Connection) -> None:
    """In `supabase_migrations` the CLI notes, as the owner, what it applied."""
    if notes.info.server_version < SINCE:
        pytest.skip("statistics cannot be written before PostgreSQL 18")
    history = "supabase_migrations.schema_migrations"
    notes.execute(f"insert into {history} select n from generate_series(1, 100) as n".encode())
    notes.execute("insert into public.people select gen_random_uuid() from generate_series(1, 50)")
    notes.execute("analyze")
    session = Session(notes, owner=notes.info.user)
    with session.transaction():
        scale_statistics(session, 1000)
        assert session.value("select reltuples from pg_class where oid = 'public.people'::regclass") == 1000
