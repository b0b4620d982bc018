"""schema.sql and storage.sql are applied once, by any client, by a role that is no superuser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pglast import ast, parser

from pgassay.database import Database, Notice, Script, apply_script, parse_script, read_script
from pgassay.errors import SchemaError
from pgassay.workbench import Workbench
from tests.applying.installed_objects import read_catalog

pytestmark = pytest.mark.slow

Connection = psycopg.Connection[Any]

SKIPPED_STORAGE = "storage.objects does not exist: buckets and their policies skipped"
SKIPPED_REALTIME = "publication supabase_realtime does not exist: realtime skipped"


@pytest.fixture
def files(workbench: Workbench) -> tuple[Path, ...]:
    """What is deployed: schema.sql, then storage.sql."""
    return (*workbench.config.schema, *workbench.config.companions)


@pytest.fixture
def project(workbench: Workbench) -> Iterator[Database]:
    """A new Supabase project, without our schema."""
    with workbench.database(depth="environment") as database:
        yield database


@pytest.fixture
def deployed(workbench: Workbench) -> Iterator[Database]:
    """A project with the schema, without rows but the packages."""
    with workbench.database(depth="schema") as database:
        yield database


def apply(database: Database, path: Path) -> tuple[Notice, ...]:
    return apply_script(database.conninfo(), path, timeout_seconds=30)


def catalog_of(database: Database) -> list[str]:
    with closing(database.connect()) as connection:
        return read_catalog(connection)


def as_one_batch(connection: Connection, script: Script) -> None:
    """As Supabase's SQL editor: the whole text in one message of the simple protocol."""
    connection.execute(script.text.encode())


def as_pipeline(connection: Connection, script: Script) -> None:
    """As `supabase db push`: one batch of the extended protocol."""
    with connection.pipeline():
        for statement in parse_script(script):
            connection.execute(statement.text.encode())


def one_by_one(connection: Connection, script: Script) -> None:
    """As psql: each statement in a transaction of its own."""
    for statement in parse_script(script):
        connection.execute(statement.text.encode())


@pytest.mark.parametrize("send", [as_one_batch, as_pipeline, one_by_one])
def test_every_client_leaves_the_same_catalog(
    project: Database,
    deployed: Database,
    files: tuple[Path, ...],
    send: Callable[[Connection, Script], None],
) -> None:
    with closing(project.connect(autocommit=True)) as connection:
        for path in files:
            send(connection, read_script(path))
    catalog = catalog_of(project)
    assert len(catalog) > 400
    assert catalog == catalog_of(deployed)


def test_second_run_fails_at_the_first_thing_it_would_create(
    deployed: Database, files: tuple[Path, ...]
) -> None:
    before = catalog_of(deployed)
    *questions, first = parse_script(read_script(files[0]))[:3]
    assert [type(node_of(question.text)) for question in questions] == [ast.DoStmt, ast.DoStmt]
    with pytest.raises(SchemaError, match='type "job_status" already exists') as caught:
        apply(deployed, files[0])
    assert caught.value.sqlstate == "42710"
    assert caught.value.place == first.place
    assert catalog_of(deployed) == before


def test_second_run_of_storage_fails_and_changes_nothing(deployed: Database, files: tuple[Path, ...]) -> None:
    before = catalog_of(deployed)
    with pytest.raises(SchemaError, match="already exists") as caught:
        apply(deployed, files[1])
    assert caught.value.sqlstate == "42710"
    assert catalog_of(deployed) == before


def test_second_run_that_ignores_errors_changes_nothing(deployed: Database, files: tuple[Path, ...]) -> None:
    """As psql without ON_ERROR_STOP, which goes on after an error."""
    before = catalog_of(deployed)
    with closing(deployed.connect(autocommit=True)) as connection:
        for statement in [statement for path in files for statement in parse_script(read_script(path))]:
            with suppress(psycopg.Error):
                connection.execute(statement.text.encode())
    assert catalog_of(deployed) == before


def test_role_without_bypassrls_is_refused_plainly(project: Database, files: tuple[Path, ...]) -> None:
    with closing(project.connect(autocommit=True)) as owner:
        owner.execute(f'grant create on database "{project.name}" to authenticator')
    with (
        closing(project.connect(user="authenticator", autocommit=True)) as connection,
        pytest.raises(psycopg.errors.RaiseException) as caught,
    ):
        as_one_batch(connection, read_script(files[0]))
    assert caught.value.diag.message_primary == (
        "schema.sql must be applied by a role with BYPASSRLS, and authenticator has not"
    )
    with closing(project.connect()) as connection:
        assert connection.execute("select to_regnamespace('private')").fetchone() == (None,)


def test_owner_of_every_object_is_an_ordinary_role(deployed: Database) -> None:
    own = "in ('public'::regnamespace, 'private'::regnamespace)"
    owners = f"""
        select relowner from pg_class where relnamespace {own}
        union select proowner from pg_proc where pronamespace {own}
        union select typowner from pg_type where typnamespace {own}
        union select nspowner from pg_namespace where nspname = 'private'
    """
    query = f"""
        select o.relowner::regrole::text, r.rolsuper, r.rolreplication, r.rolbypassrls,
            exists (
                select from pg_roles as p
                where p.rolname in
                    ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
                    and pg_has_role(r.oid, p.oid, 'member')
            )
        from ({owners}) as o inner join pg_roles as r on r.oid = o.relowner
    """
    with closing(deployed.connect()) as connection:
        assert connection.execute(query.encode()).fetchall() == [(deployed.owner, False, False, True, False)]


@pytest.mark.parametrize(
    ("removed", "notices"),
    [
        (["schema storage cascade"], [SKIPPED_STORAGE]),
        (["publication supabase_realtime"], [SKIPPED_REALTIME]),
        (["schema storage cascade", "publication supabase_realtime"], [SKIPPED_STORAGE, SKIPPED_REALTIME]),
        ([], []),
    ],
    ids=["no storage", "no realtime", "neither", "both"],
)
def test_missing_services_are_skipped_with_a_notice(
    workbench: Workbench, files: tuple[Path, ...], tmp_path: Path, removed: list[str], notices: list[str]
) -> None:
    """A service belongs to the platform: the schema's owner could not remove it."""
    removal = tmp_path / "removal.sql"
    removal.write_text("".join(f"drop {service};\n" for service in removed) or "select")
    with workbench.database(depth="environment", starting_point=(removal,)) as project:
        apply(project, files[0])
        assert [notice.message for notice in apply(project, files[1])] == notices
        lines = catalog_of(project)
    policies = [line for line in lines if line.startswith("policy | storage.objects")]
    published = [line for line in lines if line.startswith("published")]
    assert len(policies) == (0 if SKIPPED_STORAGE in notices else 2)
    assert len(published) == (0 if SKIPPED_REALTIME in notices else 2)


def test_files_have_no_extension_and_no_transaction_command(files: tuple[Path, ...]) -> None:
    statements = [statement for path in files for statement in parse_script(read_script(path))]
    assert len(statements) > 100
    assert [s.place for s in statements if not s.transactional] == []
    assert [s.place for s in statements if isinstance(node_of(s.text), ast.CreateExtensionStmt)] == []


def node_of(statement: str) -> ast.Node:
    """The parsed statement."""
    node = parser.parse_sql(statement)[0].stmt
    assert node
    return node
