"""The Supabase CLI deploys the schema as the guide says, and its own checks find nothing in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.database import Database
from pgassay.server import Server
from pgassay.workbench import Workbench
from tests.deploy.database_contents import differences
from tests.deploy.guide import EXTENSIONS, ask, find_block
from tests.deploy.supabase_cli import PINNED, run_shell

TABLES = (
    *("api_usage_logs", "credit_packages", "credit_transactions", "jobs"),
    *("payments", "user_preferences", "users", "webhook_logs"),
)
PACKAGES = """\
Trial Pack|1|0.00|t
Starter Pack|3|99.00|t
Popular Pack|10|299.00|t
Pro Pack|25|699.00|t
Business Pack|50|1299.00|t
Enterprise Pack|100|2399.00|t
"""
HOLES = """
    create table public.open (id integer primary key);
    grant select on public.open to anon;
    create function public.wrong() returns integer language plpgsql
    as $$ begin return (select o.missing from public.open as o); end $$;
"""

# The embedded server never has plpgsql_check.
installed = pytest.mark.parametrize("listening", ["system"], indirect=True)


@pytest.fixture(scope="module")
def project(listening: Server, config: Config) -> Iterator[Database]:
    """An empty project, as Supabase makes one."""
    with Workbench(config, listening).database(depth="environment", starting_point=EXTENSIONS) as database:
        yield database


@pytest.fixture(scope="module")
def deployed(project: Database, supabase: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project that was pushed as the guide says."""
    folder = tmp_path_factory.mktemp("my project")
    for name in ("schema.sql", "storage.sql"):
        shutil.copy(root / name, folder)
    done = shell("Deploy", "supabase init", project, folder, supabase)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def shell(
    section: str, saying: str, project: Database, folder: Path, programs: Path
) -> subprocess.CompletedProcess[str]:
    """Run a block of the guide."""
    block = find_block(section, "bash", saying)
    return run_shell(block.text, folder=folder, path=programs, environ={"DATABASE_URL": project.url()})


def test_pinned_cli_names_no_address() -> None:
    files = [path for path in PINNED.iterdir() if path.is_file()]
    assert {".npmrc", "package.json", "package-lock.json"} <= {path.name for path in files}
    assert [path.name for path in files if "://" in path.read_text(encoding="utf-8")] == []


def test_push_applies_the_whole_schema_as_one_migration(deployed: Path, project: Database) -> None:
    with project.connect() as connection:
        applied = connection.execute(
            "select name, cardinality(statements) > 100 from supabase_migrations.schema_migrations"
        ).fetchall()
        owners = connection.execute(
            "select distinct tableowner from pg_tables where schemaname = 'public'"
        ).fetchall()
    assert (applied, owners) == ([("initial_schema", True)], [(project.owner,)])


@pytest.fixture
def plpgsql_check(project: Database) -> None:
    with project.connect() as connection:
        found = connection.execute("select from pg_extension where extname = 'plpgsql_check'").fetchone()
    if found is None:
        pytest.skip("the installed PostgreSQL has no plpgsql_check (Debian: postgresql-15-plpgsql-check)")


@pytest.mark.usefixtures("deployed")
def test_push_gives_the_same_catalog_as_the_engines_own_loading(project: Database, config: Config) -> None:
    bench = Workbench(config, project.server)
    with bench.database(depth="schema", starting_point=EXTENSIONS) as loaded:
        assert differences(loaded, project) == []
    with bench.database(depth="environment", starting_point=EXTENSIONS) as bare:
        assert differences(bare, project)


@pytest.mark.usefixtures("deployed")
def test_guides_verification_queries_hold_after_the_push(project: Database) -> None:
    assert tuple(ask(project, "Verify", "eight tables").split()) == TABLES
    assert ask(project, "Verify", "Row level security") == "".join(f"{name}|t|t\n" for name in TABLES)
    assert ask(project, "Verify", "six packages") == PACKAGES
    seen = ask(project, "Verify", "logged in sees").splitlines()
    assert [line.split("|")[0] for line in seen] == [line.split("|")[0] for line in PACKAGES.splitlines()]


@pytest.mark.usefixtures("deployed")
def test_user_sees_no_package_that_is_withdrawn(project: Database) -> None:
    with project.connect(autocommit=True) as connection:
        withdraw = "update public.credit_packages set is_active = not is_active where name = 'Pro Pack'"
        connection.execute(withdraw)
        seen = ask(project, "Verify", "logged in sees")
        connection.execute(withdraw)
    assert "Pro Pack" not in seen
    assert len(seen.splitlines()) == 5


@pytest.fixture
def holes(project: Database) -> Iterator[None]:
    """Something for each check to find."""
    with project.connect(autocommit=True) as connection:
        connection.execute(HOLES)
        yield
        connection.execute("drop function public.wrong(); drop table public.open")


def test_advisors_find_nothing_to_warn_of(deployed: Path, project: Database, supabase: Path) -> None:
    done = shell("Verify", "db advisors", project, deployed, supabase)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.usefixtures("holes")
def test_advisors_find_what_is_open(deployed: Path, project: Database, supabase: Path) -> None:
    done = shell("Verify", "db advisors", project, deployed, supabase)
    assert done.returncode == 1
    assert "rls_disabled_in_public" in done.stdout
    assert "function_search_path_mutable" in done.stdout


@installed
@pytest.mark.usefixtures("plpgsql_check")
def test_linter_finds_nothing_in_any_function(deployed: Path, project: Database, supabase: Path) -> None:
    done = shell("Verify", "db lint", project, deployed, supabase)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Linting schema: private" in done.stderr
    assert "No schema errors found" in done.stderr


@installed
@pytest.mark.usefixtures("plpgsql_check", "holes")
def test_linter_finds_what_is_wrong(deployed: Path, project: Database, supabase: Path) -> None:
    done = shell("Verify", "db lint", project, deployed, supabase)
    assert done.returncode == 1
    assert "o.missing does not exist" in done.stdout
