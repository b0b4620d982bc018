"""The cost of settling grows with a statement's rows, not with their square, whatever ran before it."""

from __future__ import annotations

import pytest
from psycopg import sql

from pgassay.database import Session
from pgassay.plans.model import read_plan
from tests.shared.accounts import ALICE_JOBS, triggers_asleep
from tests.shared.body_types import read_queries

# PL/pgSQL keeps the plan that it made for the first statement, often of one row, for later ones of thousands.
SETTLING = [("settle_moved_jobs", "jobs"), ("settle_moved_payments", "payments")]
FUNCTION = """
    select pg_get_functiondef(oid) as definition, coalesce(proconfig, '{}') as settings
    from pg_proc where oid = ('private.' || %s)::regproc
"""
LOOP, JOINS = "Nested Loop", {"Hash Join", "Merge Join"}


@pytest.mark.parametrize(("function", "table"), SETTLING)
def test_moved_rows_are_not_joined_by_a_nested_loop(session: Session, function: str, table: str) -> None:
    found = session.execute(FUNCTION, [function]).rows[0]
    (query,) = [text for text in read_queries(found["definition"]) if "moved_from" in text]
    # One row each, and known to be one: where a nested loop is cheapest.
    for name in ("moved_from", "moved_to"):
        place = sql.Identifier(name)
        session.execute(
            sql.SQL("create temporary table {} (like public.{})")
            .format(place, sql.Identifier(table))
            .as_string()
        )
        session.execute(
            sql.SQL("insert into {} select * from public.{} limit 1")
            .format(place, sql.Identifier(table))
            .as_string()
        )
        session.execute(sql.SQL("analyze {}").format(place).as_string())
    assert read_kinds(session, query).count(LOOP) == 1
    for setting in found["settings"]:
        name, value = setting.split("=", 1)
        if name != "search_path":
            session.execute("select set_config(%s, %s, true)", [name, value])
    kinds = read_kinds(session, query)
    assert LOOP not in kinds
    assert JOINS.intersection(kinds)


def read_kinds(session: Session, query: str) -> list[str]:
    """The kinds of nodes in the plan of a query."""
    return [node.kind for node in read_plan(session.value(f"explain (format json) {query}")).nodes]


def test_entries_of_a_statement_are_carried_without_a_look_at_all_users(session: Session) -> None:
    read = """
        select (seq_tup_read + idx_tup_fetch)::int from pg_stat_xact_user_tables
        where relid = 'public.users'::regclass
    """
    with triggers_asleep(session):
        session.execute(
            "insert into public.users (id) select gen_random_uuid() from generate_series(1, 3000) as n"
        )
    session.execute("analyze public.users")
    before = session.value(read)
    ended = [ALICE_JOBS["QUEUED"], ALICE_JOBS["RENDERING"]]
    moved = session.execute("update public.jobs set status = 'FAILED' where id = any(%s::uuid[])", [ended])
    assert moved.rowcount == 2
    assert session.value(read) - before < 100
