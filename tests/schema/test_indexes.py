"""Each hot query has an index that the planner chooses on a big data set, and each index has a query."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hot_queries import ALICE, CALLS, HOT_QUERIES, QUERIED_INDEXES, Call, HotQuery
from plans import explain, explain_generic, scan_counts

from pgassay.database import Layer, Session, clone, ensure_template
from pgassay.observation import Persona
from pgassay.workbench import Workbench

ORDERED = [hot for hot in HOT_QUERIES if "order by" in hot.query]


def _vacuum(connection: psycopg.Connection[Any]) -> None:
    connection.execute("vacuum (analyze)")


# Built once per server, as a template.
LOAD = Layer(name="load", scripts=(Path(__file__).with_name("load.sql"),), step=_vacuum)


@pytest.fixture(scope="module")
def busy_session(workbench: Workbench) -> Iterator[Session]:
    recipe = workbench.recipe(depth="schema")
    template = ensure_template(workbench.server, replace(recipe, layers=(*recipe.layers, LOAD)))
    with (
        clone(workbench.server, template, owner=workbench.owner) as database,
        closing(database.connect()) as connection,
    ):
        yield Session(connection, owner=database.owner)


@pytest.fixture
def busy(busy_session: Session) -> Iterator[Session]:
    """One transaction, as `session`, in the database of load.sql."""
    with busy_session.transaction():
        yield busy_session


@pytest.mark.parametrize("hot", HOT_QUERIES, ids=lambda hot: hot.name)
def test_hot_query_reads_by_its_index_and_no_table_whole(
    busy: Session, personas: Mapping[str, Persona], hot: HotQuery
) -> None:
    with busy.act_as(personas[hot.persona]):
        assert busy.execute(hot.query, hot.params).rows
        plan = explain(busy, hot.query, hot.params)
    assert hot.index in plan.indexes
    assert plan.read_whole == set()


@pytest.mark.parametrize("hot", ORDERED, ids=lambda hot: hot.name)
def test_index_gives_the_order_so_that_nothing_is_sorted(
    busy: Session, personas: Mapping[str, Persona], hot: HotQuery
) -> None:
    with busy.act_as(personas[hot.persona]):
        assert explain(busy, hot.query, hot.params).sorts == []


@pytest.mark.parametrize(
    ("name", "parameter", "argument"),
    [("next job", "integer", "10"), ("a user's jobs for the backend", "uuid", f"'{ALICE}'")],
)
def test_generic_plan_of_a_prepared_statement_keeps_index_and_order(
    busy: Session, service: Persona, name: str, parameter: str, argument: str
) -> None:
    hot = next(hot for hot in HOT_QUERIES if hot.name == name)
    with busy.act_as(service):
        plan = explain_generic(busy, hot.query.replace("%s", f"$1::{parameter}"), argument)
    assert plan.indexes == {hot.index}
    assert (plan.read_whole, plan.sorts) == (set(), [])


def test_cost_of_a_day_is_read_from_the_index_alone(busy: Session, service: Persona) -> None:
    hot = next(hot for hot in HOT_QUERIES if hot.index == "api_usage_logs_cost_idx")
    with busy.act_as(service):
        plan = explain(busy, hot.query, hot.params)
    assert "Index Only Scan" in [node["Node Type"] for node in plan.nodes]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.index}, {call.name}")
def test_function_or_trigger_scans_its_index_and_never_the_whole_table(
    busy: Session, personas: Mapping[str, Persona], call: Call
) -> None:
    before = scan_counts(busy)
    with busy.act_as(personas[call.persona]):
        attempt = busy.attempt(call.query)
    after = scan_counts(busy)
    assert (attempt.message, attempt.rowcount > 0) == ("", True)
    assert after[call.index] > before[call.index]
    assert after[call.table] == before[call.table]


def test_progress_updates_are_all_hot(busy: Session, service: Persona) -> None:
    jobs = [
        row["id"]
        for row in busy.execute(
            "select id from public.jobs where status in ('TRANSCRIBING', 'ANALYZING', 'RENDERING') limit 300"
        ).rows
    ]
    before = _updates(busy)
    with busy.act_as(service):
        for job in jobs:
            update = "update public.jobs set progress_percentage = 10, current_step = 'cutting' where id = %s"
            assert busy.execute(update, [job]).rowcount == 1
    after = _updates(busy)
    assert (after[0] - before[0], after[1] - before[1]) == (300, 300)


def _updates(session: Session) -> tuple[int, int]:
    """Rows of jobs updated in this transaction: all, and without a new index entry."""
    query = """
        select
            pg_stat_get_xact_tuples_updated(oid) as updated,
            pg_stat_get_xact_tuples_hot_updated(oid) as hot
        from pg_class where oid = 'public.jobs'::regclass
    """
    row = session.execute(query).rows[0]
    return row["updated"], row["hot"]


# One row per index of the eight tables. Columns of an expression or a predicate are among its dependencies.
INDEXES = """
    select
        c.relname as name,
        t.relname as "table",
        i.indisvalid as valid,
        i.indisunique as "unique",
        pg_get_expr(i.indpred, i.indrelid) as predicate,
        (i.indkey::int2[])[0 : i.indnkeyatts - 1] as columns,
        i.indoption::int2[] as options,
        array(
            select a.attname::text from pg_attribute a
            where a.attrelid = i.indrelid and (
                a.attnum = any (i.indkey::int2[])
                or exists (
                    select from pg_depend d
                    where (d.classid, d.objid) = ('pg_class'::regclass, i.indexrelid)
                    and (d.refclassid, d.refobjid, d.refobjsubid) = (d.classid, a.attrelid, a.attnum)
                )
            )
        ) as mentions
    from pg_index i
    inner join pg_class c on c.oid = i.indexrelid
    inner join pg_class t on t.oid = i.indrelid
    where t.relnamespace = 'public'::regnamespace and t.relkind = 'r'
    order by 2, 1
"""
FOREIGN_KEYS = """
    select
        k.conname as name,
        t.relname as "table",
        k.conkey as columns,
        exists (
            select from pg_index p
            where p.indrelid = k.confrelid and p.indisprimary
            and p.indnkeyatts = 1 and p.indkey[0] = k.confkey[1]
        ) as first_identifies_the_parent
    from pg_constraint k
    inner join pg_class t on t.oid = k.conrelid
    where k.contype = 'f' and k.connamespace = 'public'::regnamespace
    order by 1
"""


def _covering(session: Session) -> dict[str, list[str]]:
    """By foreign key, the whole indexes that begin with its columns, or with one that is the parent's key."""
    indexes = [
        index for index in session.execute(INDEXES).rows if index["valid"] and index["predicate"] is None
    ]
    covering = {}
    for key in session.execute(FOREIGN_KEYS).rows:
        needed = 1 if key["first_identifies_the_parent"] else len(key["columns"])
        covering[key["name"]] = [
            index["name"]
            for index in indexes
            if index["table"] == key["table"] and index["columns"][:needed] == key["columns"][:needed]
        ]
    return covering


def test_every_foreign_key_has_a_covering_index(session: Session) -> None:
    covering = _covering(session)
    assert len(covering) == 11
    assert [key for key, indexes in covering.items() if not indexes] == []


def test_every_index_has_a_query_a_foreign_key_or_a_rule(session: Session) -> None:
    covering = {index for indexes in _covering(session).values() for index in indexes}
    free = {index["name"] for index in session.execute(INDEXES).rows if not index["unique"]}
    assert "jobs_next_idx" in free
    assert free - QUERIED_INDEXES - covering == set()


def test_every_index_that_a_query_names_exists(session: Session) -> None:
    names = {index["name"] for index in session.execute(INDEXES).rows}
    assert names >= QUERIED_INDEXES


def test_no_index_repeats_another_or_the_beginning_of_another(session: Session) -> None:
    indexes = session.execute(INDEXES).rows
    repeats = {
        (short["name"], long["name"])
        for short, long in itertools.permutations(indexes, 2)
        if (short["table"], short["predicate"]) == (long["table"], long["predicate"])
        and _begins(long, with_=short)
    }
    # Composite foreign keys need a unique target of both columns.
    assert repeats == {
        ("jobs_pkey", "jobs_id_and_user_is_unique"),
        ("payments_pkey", "payments_id_and_user_is_unique"),
    }


def _begins(long: Mapping[str, Any], *, with_: Mapping[str, Any]) -> bool:
    width = len(with_["columns"])
    return long["columns"][:width] == with_["columns"] and long["options"][:width] == with_["options"]


@pytest.mark.parametrize("column", ["progress_percentage", "updated_at"])
def test_no_index_mentions_a_column_of_every_progress_update(session: Session, column: str) -> None:
    indexes = session.execute(INDEXES).rows
    assert [index["name"] for index in indexes if column in index["mentions"]] == []
    assert "jobs_next_idx" in [index["name"] for index in indexes if "status" in index["mentions"]]
