"""The privileges are those of SCHEMA.md section 5, whatever the project granted before schema.sql came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pgassay.database import Database, Session
from pgassay.observation import Persona
from pgassay.workbench import Workbench
from tests.applying.acl import read_privileges

STARTING_POINTS: dict[str, tuple[str, ...]] = {
    "old": (),
    "new": ("fixtures/starting_points/new.sql",),
    "bare": ("fixtures/starting_points/bare.sql",),
}

SETTINGS = (
    "default_aspect_ratio default_subtitle_style enable_sound_fx enable_jump_cuts email_on_job_complete "
    "email_on_job_failed email_marketing theme language preferences_json"
)

# Object, role, privileges, columns (none: all). Everything that is not here must not be granted.
TABLES = [
    ("credit_packages", "anon", "SELECT", ""),
    ("credit_packages", "authenticated", "SELECT", ""),
    ("credit_packages", "service_role", "SELECT INSERT UPDATE DELETE", ""),
    ("users", "authenticated", "SELECT", ""),
    ("users", "authenticated", "UPDATE", "full_name avatar_url"),
    ("users", "service_role", "SELECT", ""),
    (
        "users",
        "service_role",
        "UPDATE",
        "email full_name avatar_url subscription_tier subscription_expires_at",
    ),
    ("users", "service_role", "UPDATE", "is_active last_login_at deleted_at"),
    ("jobs", "authenticated", "SELECT", ""),
    ("jobs", "authenticated", "INSERT", "user_id job_name status input_video_path client_request_id"),
    ("jobs", "authenticated", "UPDATE", "job_name status input_video_path"),
    ("jobs", "service_role", "SELECT INSERT UPDATE", ""),
    ("credit_transactions", "authenticated", "SELECT", ""),
    ("credit_transactions", "service_role", "SELECT", ""),
    ("payments", "authenticated", "SELECT", ""),
    ("payments", "service_role", "SELECT INSERT UPDATE", ""),
    ("user_preferences", "authenticated", "SELECT", ""),
    ("user_preferences", "authenticated", "INSERT", f"user_id {SETTINGS}"),
    ("user_preferences", "authenticated", "UPDATE", f"user_id {SETTINGS}"),
    ("user_preferences", "service_role", "SELECT INSERT UPDATE", ""),
    ("webhook_logs", "service_role", "SELECT INSERT UPDATE", ""),
    ("api_usage_logs", "service_role", "SELECT INSERT UPDATE", ""),
]

OTHERS = [
    "view public.user_stats: authenticated SELECT",
    "view public.user_stats: service_role SELECT",
    "view public.job_queue_status: service_role SELECT",
    "function public.close_my_account(): authenticated EXECUTE",
    *[
        f"function public.{function}: service_role EXECUTE"
        for function in (
            "claim_next_jobs(text, integer, interval)",
            "complete_job(uuid, uuid, text, text, numeric, numeric)",
            "credits_owed(uuid)",
            "expire_subscriptions()",
            "expiring_subscriptions(interval)",
            "fail_job(uuid, uuid, text, boolean)",
            "find_users(text)",
            "grant_credits(uuid, integer, transaction_type, text, text)",
            "heartbeat_job(uuid, uuid, interval, job_status, integer, text)",
            "objects_to_erase()",
            "purge_logs(interval)",
            "reclaim_expired_jobs()",
            "refund_partially(uuid, integer, text, text)",
            "reinstate_payment(uuid)",
            "reopen_account(uuid)",
            "settle_debt(uuid, integer, text, text)",
        )
    ],
    "schema public: anon USAGE",
    "schema public: authenticated USAGE",
    "schema public: service_role USAGE",
    # PostgreSQL's own: without them nobody could name an object or a type. They give no data.
    "schema public: PUBLIC USAGE",
    "type public.job_status: PUBLIC USAGE",
    "type public.payment_provider: PUBLIC USAGE",
    "type public.payment_status: PUBLIC USAGE",
    "type public.transaction_type: PUBLIC USAGE",
    "default of types: PUBLIC USAGE",
]


def expected_privileges() -> list[str]:
    """TABLES and OTHERS as `read_privileges` lists them."""
    lines = list(OTHERS)
    for table, role, privileges, columns in TABLES:
        objects = [f"column public.{table}.{name}" for name in columns.split()] or [f"table public.{table}"]
        lines += [f"{item}: {role} {privilege}" for item in objects for privilege in privileges.split()]
    return sorted(lines)


@contextmanager
def schema_from(workbench: Workbench, name: str) -> Iterator[Database]:
    """A database with schema.sql applied upon one of the starting points."""
    scripts: tuple[Path, ...] = tuple(workbench.config.root / path for path in STARTING_POINTS[name])
    with workbench.database(depth="schema", starting_point=scripts) as database:
        yield database


@pytest.mark.parametrize("name", STARTING_POINTS)
def test_privileges_are_exactly_those_of_section_5(workbench: Workbench, name: str) -> None:
    with schema_from(workbench, name) as database, closing(database.connect()) as connection:
        assert read_privileges(connection) == expected_privileges()


def test_starting_points_differ_before_the_schema(workbench: Workbench) -> None:
    found = {}
    for name, paths in STARTING_POINTS.items():
        scripts = tuple(workbench.config.root / path for path in paths)
        with (
            workbench.database(depth="environment", starting_point=scripts) as database,
            closing(database.connect()) as connection,
        ):
            found[name] = set(read_privileges(connection))
    assert found["bare"] < found["new"] < found["old"]


@pytest.mark.parametrize("name", STARTING_POINTS)
def test_objects_made_later_are_closed_too(workbench: Workbench, name: str) -> None:
    with (
        schema_from(workbench, name) as database,
        closing(database.connect()) as connection,
    ):
        before = read_privileges(connection)
        connection.execute("create table public.later (id bigserial primary key)")
        connection.execute("create view public.later_view as select * from public.later")
        for schema in ("public", "private"):
            connection.execute(f"create function {schema}.later() returns int language sql return 1")
        assert read_privileges(connection) == before


def test_schema_changes_no_privilege_of_other_schemas(workbench: Workbench, clone: Database) -> None:
    with (
        workbench.database(depth="environment") as bare,
        closing(bare.connect()) as before,
        closing(clone.connect()) as after,
    ):
        assert read_privileges(after, own=False) == read_privileges(before, own=False) != []


@pytest.mark.parametrize("name", ["anon", "alice", "service"])
def test_nobody_reaches_private(session: Session, personas: Mapping[str, Persona], name: str) -> None:
    assert session.value("select count(*) from pg_proc where pronamespace = 'private'::regnamespace") > 0
    session.act_as(personas[name])
    attempt = session.attempt("select private.cancel_jobs(gen_random_uuid())")
    assert (attempt.sqlstate, attempt.message) == ("42501", "permission denied for schema private")


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("grant_credits", "(select auth.uid()), 1, 'BONUS', 'gift'"),
        ("claim_next_jobs", "'worker', 1, interval '1 minute'"),
        ("reclaim_expired_jobs", ""),
    ],
)
@pytest.mark.parametrize("name", ["anon", "alice"])
def test_no_client_calls_the_backends_functions(
    session: Session, personas: Mapping[str, Persona], name: str, call: str, arguments: str
) -> None:
    session.act_as(personas[name])
    attempt = session.attempt(f"select public.{call}({arguments})")
    assert (attempt.sqlstate, attempt.message) == ("42501", f"permission denied for function {call}")


def test_backend_calls_its_functions(session: Session, service: Persona, alice: Persona) -> None:
    session.act_as(service)
    assert session.value("select public.grant_credits(%s, 1, 'BONUS', 'gift')", [alice.id]) > 0
    assert session.execute("select public.claim_next_jobs('worker', 1, interval '1 minute')").rowcount == 1
    assert session.attempt("select public.reclaim_expired_jobs()").sqlstate == ""


@pytest.mark.parametrize("name", ["anon", "alice", "service"])
@pytest.mark.parametrize(
    "statement",
    ["truncate public.users cascade", "truncate public.webhook_logs", "create table public.mine ()"],
)
def test_api_role_neither_truncates_nor_creates(
    session: Session, personas: Mapping[str, Persona], name: str, statement: str
) -> None:
    session.act_as(personas[name])
    assert session.attempt(statement).sqlstate == "42501"


@pytest.mark.parametrize("name", ["anon", "alice", "service"])
@pytest.mark.parametrize("table", ["credit_transactions", "webhook_logs", "api_usage_logs"])
@pytest.mark.parametrize("use", ["nextval('{}')", "setval('{}', 1)", "last_value from {}"])
def test_api_role_reads_and_moves_no_sequence(
    session: Session, personas: Mapping[str, Persona], name: str, table: str, use: str
) -> None:
    sequence = session.value("select pg_get_serial_sequence(%s, 'id')", [f"public.{table}"])
    session.act_as(personas[name])
    attempt = session.attempt(f"select {use.format(sequence)}")
    assert (attempt.sqlstate, attempt.message) == ("42501", f"permission denied for sequence {table}_id_seq")
