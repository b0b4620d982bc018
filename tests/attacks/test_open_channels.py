"""PostgreSQL leaves some channels open: each test pins what one of them tells, and what it does not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import pytest

from pgassay.database import Database, Session, open_client
from pgassay.observation import Outcome, Persona
from tests.attacks.attack import BOB
from tests.attacks.probes import NOBODY

QUEUE = """
    insert into public.jobs (user_id, status, input_video_path)
    values (auth.uid(), 'QUEUED', auth.uid() || '/x.mp4')
"""
SEQUENCES = ("credit_transactions_id_seq", "webhook_logs_id_seq", "api_usage_logs_id_seq")


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("name", ["anon", "alice", "service"])
def test_sequences_are_closed(
    session: Session, personas: Mapping[str, Persona], name: str, sequence: str
) -> None:
    asked = [
        query.format(f"public.{sequence}")
        for query in (
            "select nextval('{}')",
            "select currval('{}')",
            "select setval('{}', 1)",
            "select last_value from {}",
        )
    ]
    assert session.value(asked[0]) > 0
    with session.act_as(personas[name]):
        attempts = [session.attempt(query) for query in asked]
        shown = session.execute("select last_value from pg_sequences where sequencename = %s", [sequence])
    assert {(a.outcome, a.sqlstate) for a in attempts} == {(Outcome.DENIED_GRANT, "42501")}
    assert [row["last_value"] for row in shown.rows] == [None]


def test_value_that_a_trigger_drew_for_a_client_is_not_told_to_it(session: Session, alice: Persona) -> None:
    with session.act_as(alice):
        session.execute(QUEUE)
        assert session.attempt("select lastval()").sqlstate == "42501"
    assert session.value("select lastval() = max(id) from public.credit_transactions")


@pytest.mark.parametrize("between", [0, 3])
def test_gap_between_own_ledger_ids_tells_how_many_entries_all_others_made(
    session: Session, alice: Persona, between: int
) -> None:
    with session.act_as(alice):
        session.execute(QUEUE)
    for _ in range(between):
        session.execute("select public.grant_credits(%s, 1, 'BONUS', 'x')", [BOB])
    with session.act_as(alice):
        session.execute(QUEUE)
        ids = session.execute("select id from public.credit_transactions order by id desc limit 2").rows
    assert ids[0]["id"] - ids[1]["id"] == between + 1


def estimate(session: Session, condition: str) -> int:
    """The rows that the planner expects; PostgREST tells them to whoever asks for `count=planned`."""
    plan: Any = session.value(f"explain (format json) select from public.jobs where {condition}")
    return int(plan[0]["Plan"]["Plan Rows"])


@pytest.fixture
def measured(session: Session) -> Session:
    """Bob has 90 jobs more, 60 of one title, and the statistics are fresh."""
    session.execute(
        """
        insert into public.jobs (user_id, job_name)
        select %s, case when n <= 60 then 'Secret' else 'Plain ' || n end from generate_series(1, 90) as n
    """,
        [BOB],
    )
    session.execute("analyze public.jobs")
    return session


def test_estimates_tell_roughly_how_many_jobs_a_user_has(measured: Session, alice: Persona) -> None:
    with measured.act_as(alice):
        assert measured.value("select count(*) from public.jobs where user_id = %s", [BOB]) == 0
        bob, nobody = (estimate(measured, f"user_id = '{user}'") for user in (BOB, NOBODY))
    assert (30 <= bob <= 94, nobody) == (True, 1)


def test_estimates_tell_whether_a_title_is_common(measured: Session, alice: Persona) -> None:
    with measured.act_as(alice):
        common, rare = (
            estimate(measured, f"user_id = '{BOB}' and job_name = '{title}'")
            for title in ("Secret", "Sekret")
        )
    assert (common > 10, rare) == (True, 1)


def test_estimates_of_leaky_operators_use_no_statistics(measured: Session, alice: Persona) -> None:
    """enum_eq and LIKE are not marked leakproof; uuid_eq, texteq and int4lt are."""
    with measured.act_as(alice):
        likes = {
            estimate(measured, f"user_id = '{BOB}' and job_name like '{start}%'") for start in ("Sec", "Sek")
        }
        states = {
            estimate(measured, f"user_id = '{BOB}' and status = '{state}'") for state in ("PENDING", "FAILED")
        }
    assert (len(likes), len(states)) == (1, 1)
    assert estimate(measured, "status = 'PENDING'") > estimate(measured, "status = 'FAILED'")


def test_explain_analyze_counts_the_rows_that_policies_removed(measured: Session, alice: Persona) -> None:
    with measured.act_as(alice):
        measured.execute("set local enable_indexscan = off")
        measured.execute("set local enable_bitmapscan = off")
        plan: Any = measured.value("explain (analyze, format json) select from public.jobs")
    assert plan[0]["Plan"]["Rows Removed by Filter"] == 96


@pytest.mark.parametrize("name", ["anon", "alice"])
def test_statistics_themselves_are_hidden(
    measured: Session, personas: Mapping[str, Persona], name: str
) -> None:
    stats = "select * from pg_stats where schemaname = 'public' and tablename = 'jobs'"
    assert measured.execute(stats).rowcount > 0
    with measured.act_as(personas[name]):
        assert measured.execute(stats).rowcount == 0
        assert measured.attempt("select * from pg_statistic").sqlstate == "42501"


@pytest.mark.parametrize("name", ["anon", "alice"])
def test_catalog_tells_how_large_each_table_is(
    measured: Session, personas: Mapping[str, Persona], name: str
) -> None:
    """Not through PostgREST, which exposes no catalog."""
    with measured.act_as(personas[name]):
        rows = measured.execute("""
            select c.reltuples::int, pg_relation_size(c.oid) > 0 as has_size, s.n_tup_ins >= 0 as has_counts
            from pg_class as c inner join pg_stat_user_tables as s on s.relid = c.oid
            where c.oid = 'public.jobs'::regclass
        """).rows
    assert rows == [{"reltuples": 105, "has_size": True, "has_counts": True}]


def test_statements_of_other_requests_are_hidden(
    shared_database: Database, alice: Persona, bob: Persona
) -> None:
    query = "select query from pg_stat_activity where pid = %s"
    with (
        open_client(shared_database) as other,
        open_client(shared_database) as client,
        closing(shared_database.connect()) as superuser,
        other.request(bob),
        client.request(alice),
    ):
        other.execute("select 'secret of Bob'")
        pid = other.connection.info.backend_pid
        shown = client.value(query, [pid])
        truth = superuser.execute(query.encode(), [pid]).fetchone()
    assert (shown, truth) == ("<insufficient privilege>", ("select 'secret of Bob'",))


def test_ctid_of_own_rows_tells_how_much_was_written_before_them(session: Session, alice: Persona) -> None:
    """xmin, too: a count of transactions. Both can be selected like a column."""
    page = "select (ctid::text::point)[0]::int from public.jobs order by created_at desc limit 1"
    start = "insert into public.jobs (user_id) values (auth.uid())"
    pages = []
    for jobs in (0, 90):
        session.execute(
            "insert into public.jobs (user_id) select %s from generate_series(1, %s)", [BOB, jobs]
        )
        with session.act_as(alice):
            session.execute(start)
            pages.append(session.value(page))
            assert session.value("select xmin::text from public.jobs limit 1").isdigit()
    assert pages[0] < pages[1]


@pytest.mark.parametrize("table", ["jobs", "users"])
def test_deleted_row_shows_its_primary_key_to_all_subscribers_and_clients_delete_none(
    session: Session, table: str
) -> None:
    """Realtime asks the policies for what is inserted or updated; what is deleted it can not ask about."""
    shown = session.execute(
        """
        select a.attname from pg_class as c
        inner join pg_index as i on i.indrelid = c.oid and i.indisprimary
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum = any(i.indkey)
        where c.oid = %s::regclass and c.relreplident = 'd'
    """,
        [f"public.{table}"],
    ).rows
    assert shown == [{"attname": "id"}]
    assert session.value("select pubdelete from pg_publication where pubname = 'supabase_realtime'")
    deleters = session.execute(
        """
        select r.rolname from pg_roles as r
        where r.rolname in ('anon', 'authenticated', 'service_role')
            and has_table_privilege(r.oid, %s, 'delete')
    """,
        [f"public.{table}"],
    ).rows
    assert deleters == []


@pytest.mark.parametrize("table", ["credit_transactions", "jobs"])
def test_comment_of_the_table_names_its_open_channel(session: Session, table: str) -> None:
    comment = session.value("select obj_description(%s::regclass)", [f"public.{table}"])
    assert "open channel" in comment.lower()
