"""CHECK constraints of the eight tables, and those that a job's trigger keeps, one by one.

A new one without a case fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from psycopg import sql

from pgassay.database import Session
from pgassay.observation import Outcome
from tests.shared.body_types import find_case, without_case
from tests.shared.rows import insert
from tests.tables.check_cases import CASES, ROWS
from tests.tables.check_kinds import Case, number, text
from tests.tables.derived_cases import derive_case

KEEPS_ALWAYS = "alter table public.jobs enable always trigger jobs_check_values"


def read_trigger(session: Session) -> str:
    """The definition of the function that keeps what no CHECK of jobs does."""
    return str(session.value("select pg_get_functiondef('private.check_job_values()'::regprocedure)"))


def read_checks(session: Session) -> dict[str, tuple[str, str]]:
    """Table and definition of each CHECK constraint."""
    query = """
        select k.conname::text as name, c.relname::text as "table",
            pg_get_constraintdef(k.oid, true) as definition
        from pg_constraint as k inner join pg_class as c on k.conrelid = c.oid
        where k.connamespace = 'public'::regnamespace and k.contype = 'c'
    """
    rows = session.execute(query).rows
    return {row["name"]: (row["table"], row["definition"]) for row in rows}


def derive_cases(session: Session) -> dict[str, Case]:
    """The cases of checks that have none in check_cases.py and whose definition says all."""
    derived = {
        name: derive_case(table, definition)
        for name, (table, definition) in read_checks(session).items()
        if name not in CASES
    }
    return {name: case for name, case in derived.items() if case}


def test_every_check_constraint_has_a_case(session: Session) -> None:
    checks = [*read_checks(session), *find_case(read_trigger(session))]
    assert sorted(checks) == sorted([*CASES, *derive_cases(session)])


NEW_CHECKS = """
    alter table public.users add nickname text, add height integer, add weight numeric(5, 2);
    alter table public.users add constraint short check (length(nickname) <= 7),
        add constraint low check (height between 20 and 300),
        add constraint light check (weight between 0 and 500),
        add constraint odd check (length(nickname) <> 3),
        add constraint mixed check (height >= 0 and weight <= 9)
"""
NEW_CASES = {
    "short": text("users", "nickname", at_most=7),
    "low": number("users", "height", low=20, high=300),
    "light": number("users", "weight", low=Decimal(0), high=Decimal(500), step=Decimal("0.01")),
}


def test_limits_and_ranges_get_their_case_by_themselves_and_no_others_do(session: Session) -> None:
    before = derive_cases(session)
    session.execute(NEW_CHECKS)
    found = derive_cases(session)
    assert {name: case for name, case in found.items() if name not in before} == NEW_CASES


def test_checks_that_have_their_case_by_themselves_hold(session: Session) -> None:
    for name, case in derive_cases(session).items():
        assert_check(session, name, case)


@pytest.mark.parametrize("name", NEW_CASES)
def test_check_that_is_looser_than_its_case_is_found(session: Session, name: str) -> None:
    """The control of the test above, which may find nothing to try."""
    session.execute(NEW_CHECKS)
    session.execute("alter table public.users drop constraint odd, drop constraint mixed")
    assert_check(session, name, NEW_CASES[name])
    session.execute(f"alter table public.users add constraint {name} check (true)")
    with pytest.raises(AssertionError, match="REJECTED"):
        refuses_what_is_outside(session, name, NEW_CASES[name])


def test_every_numeric_column_has_a_check_that_refuses_nan(session: Session) -> None:
    query = """
        select array_agg(c.relname || '.' || a.attname)
        from pg_attribute a inner join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.atttypid = 'numeric'::regtype
    """
    refused = {
        f"{case.table}.{column}"
        for case in (*CASES.values(), *derive_cases(session).values())
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
    refuses_what_is_outside(session, name, CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_check_admits_the_last_values_inside(session: Session, name: str) -> None:
    admits_the_last_values_inside(session, CASES[name])


def assert_check(session: Session, name: str, case: Case) -> None:
    """Both, and the check is gone afterwards."""
    admits_the_last_values_inside(session, case)
    refuses_what_is_outside(session, name, case)


def refuses_what_is_outside(session: Session, name: str, case: Case) -> None:
    session.execute(KEEPS_ALWAYS)
    rows = [dict(ROWS[case.table]) | dict(change) for change in case.bad]
    refusals = [insert(session, case.table, row) for row in rows]
    assert [(a.outcome, a.sqlstate, a.constraint) for a in refusals] == [
        (Outcome.REJECTED, "23514", name)
    ] * len(rows)
    remove(session, case.table, name)
    assert [_inserted_alone(session, case.table, row) for row in rows] == [""] * len(rows)


def admits_the_last_values_inside(session: Session, case: Case) -> None:
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
    session.execute(drop.format(sql.Identifier(table), sql.Identifier(name)).as_string())


def _inserted_alone(session: Session, table: str, row: Mapping[str, Any]) -> str:
    """Insert a row and take it back, so that the next may have the same keys; the refusal, if any."""
    session.execute("savepoint alone")
    message = insert(session, table, row).message
    session.execute("rollback to savepoint alone")
    return message
