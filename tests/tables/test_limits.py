"""No text and no jsonb without a limit: found in the catalog, tried in every column."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import sql

from pgassay.database import Session
from pgassay.observation import Attempt, Outcome
from tests.shared.rows import ALICE
from tests.tables.check_cases import CASES, JOB

TABLES = (
    *("users", "credit_packages", "jobs", "payments"),
    *("credit_transactions", "user_preferences", "webhook_logs", "api_usage_logs"),
)
TEXT_TYPES = ("text", "varchar", "bpchar", "bytea", "text[]")
# Column: the largest size in bytes, and whether an array may be at its top.
JOB_DOCUMENTS = (("jobs", "transcription_json"), ("jobs", "analysis_json"))
DOCUMENTS = {
    ("credit_packages", "metadata"): (16384, False),
    **dict.fromkeys(JOB_DOCUMENTS, (8388608, True)),
    ("payments", "metadata"): (16384, False),
    ("credit_transactions", "metadata"): (16384, False),
    ("user_preferences", "preferences_json"): (16384, False),
    ("webhook_logs", "payload"): (1048576, True),
    ("webhook_logs", "headers"): (65536, False),
    ("api_usage_logs", "request_metadata"): (65536, False),
    ("api_usage_logs", "response_metadata"): (65536, False),
}
TOO_LONG = 10_000
LARGEST = max(size for size, _ in DOCUMENTS.values())

COLUMNS = """
    select array_agg(attname::text order by attname) from pg_attribute
    where attrelid = %s::regclass and attnum > 0 and atttypid = any(%s::regtype[])
"""
REFUSED_BY = """
    select conname::text as name from pg_constraint as c
    inner join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = any(c.conkey)
    where c.contype = 'c' and c.conrelid = %s::regclass and a.attname = %s
"""
# In this transaction: how often a value stored outside of its row was fetched.
READS_OUTSIDE_OF_ROWS = """
    select pg_stat_get_xact_numscans(i.indexrelid) from pg_class as c
    inner join pg_index as i on c.reltoastrelid = i.indrelid
    where c.oid = ('public.' || %s)::regclass
"""


def columns(session: Session, table: str, *types: str) -> list[str]:
    return session.value(COLUMNS, [f"public.{table}", list(types)]) or []


def try_copy(session: Session, table: str, column: str, value: str, parameter: Any = None) -> Attempt:
    """Insert a copy of a row that exists with `value`, an SQL expression, in one column.

    The triggers are off, but that of a job's bounds: checks alone answer, before the unique indexes.
    """
    query = "select attname::text as name from pg_attribute where attrelid = %s::regclass and attnum > 0"
    names = [row["name"] for row in session.execute(query, [f"public.{table}"]).rows]
    chosen = [sql.SQL(value) if name == column else sql.Identifier(name) for name in names]
    statement = sql.SQL("insert into {} ({}) overriding system value select {} from {} limit 1").format(
        sql.Identifier("public", table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join(chosen),
        sql.Identifier("public", table),
    )
    session.execute("alter table public.jobs enable always trigger jobs_check_values")
    session.execute("set local session_replication_role = replica")
    return session.attempt(statement.as_string(), {"value": parameter})


def refusals(session: Session, table: str, column: str) -> set[str]:
    """The names of the checks that look at a column, be they constraints or those of a job's trigger."""
    checks = {row["name"] for row in session.execute(REFUSED_BY, [f"public.{table}", column]).rows}
    by_case = {
        name for name, case in CASES.items() if case.table == table == "jobs" and column in case.bad[0]
    }
    return checks | by_case


def test_these_are_the_tables(session: Session) -> None:
    query = """
        select array_agg(relname::text) from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    """
    assert sorted(session.value(query)) == sorted(TABLES)


def test_tables_have_these_documents(session: Session) -> None:
    found = {(table, name) for table in TABLES for name in columns(session, table, "jsonb", "json", "xml")}
    assert set(DOCUMENTS) <= found


@pytest.mark.parametrize("table", TABLES)
def test_overlong_text_is_refused_in_every_column(session: Session, table: str) -> None:
    names = columns(session, table, *TEXT_TYPES)
    assert len(names) >= 2
    for column in names:
        folder = "user_id || '/' || " if column.endswith("_path") else ""
        attempt = try_copy(session, table, column, f"{folder}repeat('x', %(value)s)", TOO_LONG)
        assert (column, attempt.outcome, attempt.sqlstate) == (column, Outcome.REJECTED, "23514")
        assert attempt.constraint in refusals(session, table, column)


@pytest.mark.parametrize("table", TABLES)
def test_document_without_a_limit_of_its_own_here_is_refused_all_the_same(
    session: Session, table: str
) -> None:
    """What DOCUMENTS does not list, a column of tomorrow, takes no more than the largest of those."""
    for column in columns(session, table, "jsonb", "json"):
        attempt = try_copy(
            session, table, column, "jsonb_build_object('x', repeat('y', %(value)s))", LARGEST + 1
        )
        assert (column, attempt.sqlstate) == (column, "23514")
        assert attempt.constraint in refusals(session, table, column)


def test_text_without_a_limit_would_be_found(session: Session) -> None:
    """The control of the two tests above."""
    session.execute("alter table public.users add nickname text, add settings jsonb")
    assert {"nickname"} < set(columns(session, "users", *TEXT_TYPES))
    assert columns(session, "users", "jsonb") == ["settings"]
    for column, value in (("nickname", "repeat('x', %(value)s)"), ("settings", "to_jsonb(%(value)s::int)")):
        attempt = try_copy(session, "users", column, value, TOO_LONG)
        assert attempt.constraint == "users_pkey"


@pytest.mark.parametrize(("table", "column"), [place for place in DOCUMENTS if place not in JOB_DOCUMENTS])
@pytest.mark.parametrize("document", ["null", "1", '"text"', "true", "[]", "{}"])
def test_document_is_an_object_or_where_allowed_an_array(
    session: Session, table: str, column: str, document: str
) -> None:
    allowed = document == "{}" or (document == "[]" and DOCUMENTS[table, column][1])
    attempt = try_copy(session, table, column, "%(value)s::jsonb", document)
    if allowed:
        # The copy passed every check and met the primary key of its original.
        assert (attempt.sqlstate, attempt.constraint) == ("23505", f"{table}_pkey")
    else:
        assert attempt.sqlstate == "23514"
        assert attempt.constraint in refusals(session, table, column)


@pytest.mark.parametrize("name", ["transcription", "analysis"])
@pytest.mark.parametrize("document", ["null", "1", '"text"', "true", "[]", "{}", None])
@pytest.mark.parametrize(
    "write",
    [
        f"insert into public.jobs (user_id, {{}}_json) values ('{ALICE}', %s)",
        f"update public.jobs set {{}}_json = %s where id = '{JOB}'",
    ],
    ids=["insert", "update"],
)
def test_document_of_a_job_is_an_object_or_an_array(
    session: Session, write: str, document: str | None, name: str
) -> None:
    attempt = session.attempt(write.format(name), [document])
    if document in ("[]", "{}", None):
        assert attempt.rowcount == 1
    else:
        assert (attempt.outcome, attempt.sqlstate) == (Outcome.REJECTED, "23514")
        assert (attempt.table, attempt.constraint) == ("jobs", f"jobs_{name}_is_document")


@pytest.mark.parametrize(("table", "column"), JOB_DOCUMENTS)
def test_update_of_progress_does_not_read_the_document(session: Session, table: str, column: str) -> None:
    # Random, so that it does not compress: it lies outside of the row.
    session.execute(f"""
        update public.{table} set {column} = jsonb_build_object('x', (
            select string_agg(gen_random_uuid()::text, '') from generate_series(1, 1000)
        )) where id = '{JOB}'
    """)
    before = session.value(READS_OUTSIDE_OF_ROWS, [table])
    session.execute(f"update public.{table} set current_step = 'x' where id = '{JOB}'")
    assert session.value(READS_OUTSIDE_OF_ROWS, [table]) == before
    session.execute(f"select {column}::text from public.{table} where id = '{JOB}'")
    assert session.value(READS_OUTSIDE_OF_ROWS, [table]) == before + 1


@pytest.mark.parametrize(("table", "column"), DOCUMENTS)
@pytest.mark.parametrize("excess", [0, 1])
def test_document_is_limited_to_the_byte(session: Session, table: str, column: str, excess: int) -> None:
    # Counted as text; those of jobs as jsonb, with 16 bytes of lengths beside the key.
    frame = 16 + len("x") if table == "jobs" else len('{"x": ""}')
    size = DOCUMENTS[table, column][0] - frame + excess
    attempt = try_copy(session, table, column, "jsonb_build_object('x', repeat('y', %(value)s))", size)
    if excess:
        assert attempt.sqlstate == "23514"
        assert attempt.constraint in refusals(session, table, column)
    else:
        assert (attempt.sqlstate, attempt.constraint) == ("23505", f"{table}_pkey")


def test_multibyte_text_is_counted_in_characters(session: Session) -> None:
    """A Thai name has the same right to 200 characters as an English one."""
    for length, constraint in ((200, "users_pkey"), (201, "users_full_name_is_short")):
        attempt = try_copy(session, "users", "full_name", "repeat('ก', %(value)s)", length)
        assert attempt.constraint == constraint


@pytest.mark.parametrize(("table", "column"), DOCUMENTS)
def test_no_key_of_a_document_escapes_the_limit(session: Session, table: str, column: str) -> None:
    """Not even one that the schema itself writes, as `shortfall` in the metadata of a payment."""
    document = "jsonb_build_object('shortfall', repeat('y', %(value)s))"
    attempt = try_copy(session, table, column, document, DOCUMENTS[table, column][0] + 1)
    assert attempt.sqlstate == "23514"
    assert attempt.constraint in refusals(session, table, column)
