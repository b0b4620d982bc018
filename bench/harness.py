"""How fast the harness is, as ratios of two things measured turn by turn in one run.

Writes build/bench.json, a list of {"name", "ours", "theirs", "ratio", "unit"}: medians, and ours / theirs.
What stood there before, or in the file given as an argument, is shown beside it.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path

import access
import psycopg
import queues
import schedules
import writes
from measure import ROOT, Row, alternate, ratio_text, value_text
from pages import HARNESS, SCHEMA, publish
from plain import files_of, server_by_hand
from pytest_postgresql.janitor import DatabaseJanitor
from rich.console import Console
from rich.table import Table

from pgassay.config import load_config
from pgassay.database import Database, Session, ensure_template, open_session
from pgassay.pgtap.run import PgtapDatabase, find_psql, run_file
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench

OUTPUT = ROOT / "build" / "bench.json"
ROW_FIELDS = tuple(field.name for field in fields(Row))
QUERY = "select count(*) from public.jobs"


Measure = Callable[[Workbench], Iterator[Row]]


def main(former: Path = OUTPUT) -> int:
    """All but the mutants."""
    measures: tuple[Measure, ...] = (
        isolated_test,
        against_pytest_postgresql,
        cold_start,
        cloning,
        pgtap,
        access.matrix,
        access.growth,
        access.audit,
        access.difference,
        schedules.schedules,
        *writes.MEASURES,
        *queues.MEASURES,
    )
    return run("bench", measures, former, OUTPUT, expected=(*HARNESS, *SCHEMA))


def run(
    name: str, measures: Sequence[Measure], former: Path, output: Path, *, expected: Sequence[str]
) -> int:
    """Take measures on one server, show them beside those of `former`, keep and publish them."""
    config, before = load_config(ROOT), read_rows(former)
    config = replace(config, server=os.environ.get("PGASSAY_SERVER") or config.server)
    started, load, rows = time.monotonic(), os.getloadavg()[0], list[Row]()
    with open_server(config.server) as server:
        bench = Workbench(config, server)
        for measure in measures:
            begun = time.monotonic()
            rows += measure(bench)
            print(f"{measure.__name__:<28}{time.monotonic() - begun:4.0f} s", file=sys.stderr)
        setting = describe(bench)
    output.parent.mkdir(exist_ok=True)
    document = [asdict(row) | {"ratio": row.ratio} for row in rows]
    output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    show(rows, before)
    print(f"{'all':<28}{time.monotonic() - started:4.0f} s", file=sys.stderr)
    publish(rows, expected=expected, settings={name: f"{setting}, at a load of {load:.0f}."})
    return 0


def describe(bench: Workbench) -> str:
    """The schema and the machine, in a sentence."""
    with bench.database() as database, open_session(database) as session:
        counts = session.execute(
            """
            with ours as (select oid from pg_namespace where nspname in ('public', 'private'))
            select
                (select count(*) from pg_class where relkind = 'r' and relnamespace in (table ours)) tables,
                (select count(*) from pg_policies where schemaname in ('public', 'private')) as policies,
                (select count(*) from pg_proc where pronamespace in (table ours)) as functions
            """
        ).rows[0]
    version = f"{bench.server.version // 10000}.{bench.server.version % 10000}"
    return (
        f"measured on a schema in use with {counts['tables']} tables, {counts['policies']} policies and "
        f"{counts['functions']} functions, on {os.cpu_count()} cores ({platform.machine()}), with PostgreSQL "
        f"{version} and Python {platform.python_version()}"
    )


def read_rows(file: Path) -> dict[str, Row]:
    """The rows of an earlier run by name; none where there was no such run."""
    if not file.exists():
        return {}
    document = json.loads(file.read_text(encoding="utf-8"))
    return {row["name"]: Row(**{key: row[key] for key in ROW_FIELDS}) for row in document}


def cold_start(bench: Workbench) -> Iterator[Row]:
    """Nothing running to first query answered, in a new process each time; and by PostgreSQL's programs."""
    script = (
        "import sys; from pathlib import Path; from pgassay.config import load_config\n"
        "from pgassay.server import open_server; from pgassay.workbench import Workbench\n"
        "config = load_config(Path(sys.argv[1]))\n"
        "with open_server(config.server) as s, Workbench(config, s).database() as d:\n"
        f"    d.connect().execute('{QUERY}')\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(ROOT)]

    def by_hand() -> None:
        with server_by_hand(bench) as programs:
            programs.psql("postgres", *files_of(bench), f"--command={QUERY}")

    took = alternate(5, lambda: subprocess.run(command, check=True), by_hand)
    name = "cold start to the first answer, against initdb and psql"
    yield Row(name=name, ours=took[0], theirs=took[1], unit="s")


def isolated_test(bench: Workbench) -> Iterator[Row]:
    """One RLS test (begin, become a user, query, roll back), beside the same through bare psycopg."""
    alice = bench.personas["alice"]
    with ExitStack() as stack:
        database = stack.enter_context(bench.database())
        connection = stack.enter_context(closing(database.connect()))
        session = Session(connection, owner=database.owner, prepares=True)  # as the fixture has it
        bare = stack.enter_context(closing(database.connect(autocommit=True)))

        def ours() -> None:
            with session.transaction():
                session.act_as(alice)
                session.value(QUERY)

        def theirs() -> None:
            bare.execute("begin")
            bare.execute("set local role authenticated")
            claims = json.dumps(dict(alice.claims))
            bare.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            bare.execute(QUERY).fetchone()
            bare.execute("rollback")

        took = alternate(400, ours, theirs)
    yield Row(name="isolated RLS test, against bare psycopg", ours=took[0], theirs=took[1], unit="s")


def against_pytest_postgresql(bench: Workbench) -> Iterator[Row]:
    """The same test, beside pytest-postgresql's default fixture: a database from a template for each."""
    template = ensure_template(bench.server, bench.recipe())
    alice = bench.personas["alice"]
    with bench.database() as database, closing(database.connect()) as connection:
        session = Session(connection, owner=database.owner, prepares=True)

        def ours() -> None:
            with session.transaction():
                session.act_as(alice)
                session.value(QUERY)

        def theirs() -> None:
            with janitor(bench.server, template) as name:
                request_by_hand(Database(server=bench.server, name=name, owner=bench.owner))

        took = alternate(15, ours, theirs)
    yield Row(name="isolated RLS test, against pytest-postgresql", ours=took[0], theirs=took[1], unit="s")


@contextmanager
def janitor(server: Server, template: str) -> Iterator[str]:
    """What pytest-postgresql's `postgresql` fixture does around each test."""
    name = "pytest_postgresql_bench"
    with DatabaseJanitor(
        user=server.user, host=server.host, port=server.port, dbname=name, template_dbname=template
    ):
        yield name


def request_by_hand(database: Database) -> None:
    with closing(database.connect(user="authenticator", autocommit=True)) as connection:
        connection.execute("begin; set local role authenticated")
        connection.execute(QUERY).fetchone()
        connection.execute("rollback")


def cloning(bench: Workbench) -> Iterator[Row]:
    """A clone by FILE_COPY, beside PostgreSQL's default strategy."""
    template = ensure_template(bench.server, bench.recipe())
    server = bench.server
    with closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as connection:

        def make(strategy: str) -> Callable[[], None]:
            statement = f"create database bench_clone template {template} {strategy}"
            return lambda: connection.execute(statement.encode()) and None

        def drop() -> None:
            connection.execute("drop database if exists bench_clone")

        took = alternate(20, make("strategy file_copy"), make(""), after=drop)
    yield Row(name="clone by FILE_COPY, against the default", ours=took[0], theirs=took[1], unit="s")


def pgtap(bench: Workbench) -> Iterator[Row]:
    """Our pgTAP runner, beside pg_prove, on the same files and database."""
    prove = shutil.which("pg_prove")
    files = sorted(file for folder in bench.config.pgtap for file in folder.glob("*.sql"))
    psql = find_psql(bench.server.bin_dir)
    with bench.database(pgtap=True) as database:
        conninfo = database.conninfo()
        target = PgtapDatabase(conninfo=conninfo, psql=psql, timeout=60)

        def ours() -> None:
            assert all(run_file(file, target).passed for file in files)

        def theirs() -> None:
            command = [str(prove), "-Q", "-b", str(psql), "-d", database.name, "-U", database.owner]
            command += ["-h", bench.server.host, "-p", str(bench.server.port), *map(str, files)]
            options = {"PGOPTIONS": '-c search_path="$user",public,extensions'}
            subprocess.run(command, check=True, env=os.environ | options, capture_output=True)

        took = alternate(3, ours, theirs) if prove else alternate(3, ours)
    yield Row(
        name="all pgTAP files, against pg_prove",
        ours=took[0],
        theirs=took[1] if prove else None,
        unit="s",
    )


def show(rows: list[Row], before: dict[str, Row]) -> None:
    """A table of 80 columns. `before` is the earlier ratio, or what there was where there is no ratio."""
    table = Table(box=None, pad_edge=False)
    for heading in ("", "ours", "theirs", "ratio", *(["before"] if before else [])):
        table.add_column(heading, justify="left" if not heading else "right", no_wrap=bool(heading))
    for row in rows:
        values = [value_text(value, row.unit) for value in (row.ours, row.theirs)]
        former = before.get(row.name)
        table.add_row(row.name, *values, ratio_text(row.ratio), former and outcome_text(former))
    Console(width=80).print(table)


def outcome_text(row: Row) -> str:
    return ratio_text(row.ratio) or value_text(row.ours, row.unit)


if __name__ == "__main__":
    former = Path(sys.argv[1]).absolute() if sys.argv[1:] else OUTPUT
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        sys.exit(main(former))
