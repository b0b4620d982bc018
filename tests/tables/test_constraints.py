"""CHECK constraints of the eight tables, and those that a job's trigger keeps, one by one.

A new one without a case fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from psycopg import sql

from pgassay.database import Session
from pgassay.observation import Outcome
from tests.shared.body_types import find_case, without_case
from tests.shared.rows import insert
from tests.tables.check_cases import CASES, ROWS

KEEPS_ALWAYS = "alter table public.jobs enable always trigger jobs_check_values"


def read_trigger(session: Session) -> str:
    """The definition of the function that keeps what no CHECK of jobs does."""
    return session.value("select pg_get_functiondef('private.check_job_values()'::regprocedure)")


def test_every_check_constraint_has_a_case(session: Session) -> None:
    query = """
        select array_agg(conname::text) from pg_constraint
        where connamespace = 'public'::regnamespace and contype = 'c'
    """
    checks = session.value(query)
    assert sorted(checks + find_case(read_trigger(session))) == sorted(CASES)


def test_every_numeric_column_has_a_check_that_refuses_nan(session: Session) -> None:
    query = """
        select array_agg(c.relname || '.' || a.attname)
        from pg_attribute a inner join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.atttypid = 'numeric'::regtype
    """
    refused = {
        f"{case.table}.{column}"
        for case in CASES.values()
        for change in case.bad
        for column, value in change.items()
        if value == "NaN"
    }
    assert sorted(session.value(query)) == sorted(refused)


def test_every_check_constraint_is_enforced_on_rows_already_there(session: Session) -> None:
    query = (
        "select count(*) from pg_constraint where connamespace = 'public'::regnamespace and not convalidated"
    )
    assert session.value(query) == 0


@pytest.mark.parametrize("name", CASES)
def test_check_refuses_what_is_outside_and_nothing_else_would(session: Session, name: str) -> None:
    case = CASES[name]
    session.execute(KEEPS_ALWAYS)
    rows = [dict(ROWS[case.table]) | dict(change) for change in case.bad]
    refusals = [insert(session, case.table, row) for row in rows]
    assert [(a.outcome, a.sqlstate, a.constraint) for a in refusals] == [
        (Outcome.REJECTED, "23514", name)
    ] * len(rows)
    remove(session, case.table, name)
    assert [_inserted_alone(session, case.table, row) for row in rows] == [""] * len(rows)


@pytest.mark.parametrize("name", CASES)
def test_check_admits_the_last_values_inside(session: Session, name: str) -> None:
    case = CASES[name]
    session.execute(KEEPS_ALWAYS)
    rows = [dict(ROWS[case.table]) | dict(change) for change in case.good]
    assert [_inserted_alone(session, case.table, row) for row in rows] == [""] * len(rows)


def remove(session: Session, table: str, name: str) -> None:
    """Remove one check, and nothing else: a constraint, or its case in the trigger's function."""
    definition = read_trigger(session)
    if name in find_case(definition):
        session.execute(without_case(definition, name))
        return
    drop = sql.SQL("alter table public.{} drop constraint {}")
    session.execute(drop.format(sql.Identifier(table), sql.Identifier(name)))


def _inserted_alone(session: Session, table: str, row: Mapping[str, Any]) -> str:
    """Insert a row and take it back, so that the next may have the same keys; the refusal, if any."""
    session.execute("savepoint alone")
    message = insert(session, table, row).message
    session.execute("rollback to savepoint alone")
    return message
