"""However the files are applied, the database is the same: object by object, grant by grant."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.database import Database
from pgassay.pgtap.run import find_psql
from pgassay.server import Server
from pgassay.workbench import Workbench
from tests.deploy.database_contents import catalog_of, differences


def as_one_batch(database: Database, file: Path) -> None:
    """As Supabase's SQL editor sends it: one message of the simple protocol, and so one transaction."""
    with closing(database.connect(autocommit=True)) as connection:
        connection.execute(file.read_bytes())


def with_psql(database: Database, file: Path, *options: str) -> None:
    psql = [str(find_psql(database.server.bin_dir)), "-Xq", "--set=ON_ERROR_STOP=1", *options]
    subprocess.run([*psql, f"--file={file}", database.url()], capture_output=True, check=True)


def with_psql_in_one_transaction(database: Database, file: Path) -> None:
    with_psql(database, file, "--single-transaction")


@pytest.fixture
def make(listening: Server, config: Config) -> Callable[[str, ExitStack], Database]:
    """An empty project whose default privileges are those of an older or of a newer one."""
    bench = Workbench(config, listening)

    def open_project(start: str, resources: ExitStack) -> Database:
        scripts = () if start == "old" else (config.root / "fixtures" / "starting_points" / f"{start}.sql",)
        return resources.enter_context(bench.database(depth="environment", starting_point=scripts))

    return open_project


@pytest.mark.parametrize("way", [with_psql, with_psql_in_one_transaction])
def test_psql_gives_the_same_catalog_as_one_batch(
    make: Callable[[str, ExitStack], Database], config: Config, way: Callable[[Database, Path], None]
) -> None:
    with ExitStack() as resources:
        one, other = make("old", resources), make("old", resources)
        for file in (*config.schema, *config.companions):
            as_one_batch(one, file)
            way(other, file)
        assert differences(one, other) == []
        assert dump(one) == dump(other)  # what the catalog's own reader might overlook
        assert len(catalog_of(one).objects) > 500


def dump(database: Database) -> list[str]:
    """What pg_dump writes of a schema, without the random keys of its \\restrict."""
    program = Path(find_psql(database.server.bin_dir)).with_name("pg_dump")
    done = subprocess.run(
        [program, "--schema-only", database.url()], capture_output=True, text=True, check=True
    )
    return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def test_catalogs_differ_by_one_comment_or_grant(
    make: Callable[[str, ExitStack], Database], config: Config
) -> None:
    with ExitStack() as resources:
        one, other = make("old", resources), make("old", resources)
        for database in (one, other):
            with_psql(database, config.schema[0])
        with other.connect(autocommit=True) as connection:
            connection.execute("comment on type job_status is 'Else.'; grant delete on public.jobs to anon")
        assert differences(one, other) == [
            "Comment on type public.job_status: text is now Else. "
            "(was: Where a job stands; private.move_job holds the legal transitions.).",
            "DELETE on public.jobs is now granted to anon.",
        ]
