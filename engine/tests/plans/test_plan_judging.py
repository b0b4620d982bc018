"""Contracts judged in a real session: what runs away is ended."""

from __future__ import annotations

import psycopg

from pgassay.database import Session
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
