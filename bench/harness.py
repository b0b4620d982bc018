"""How fast the harness is, as ratios of two things measured turn by turn in one run.

Writes build/bench.json, a list of {"name", "ours", "theirs", "ratio", "unit"}: medians, and ours / theirs.
What stood there before, or in the file given as an argument, is shown beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, fields
from pathlib import Path

import access
import mutants
import psycopg
import queues
import schedules
import writes
from measure import ROOT, Row, alternate
from pytest_postgresql.janitor import DatabaseJanitor
from rich.console import Console
from rich.table import Table

from pgassay.config import load_config
from pgassay.database import Database, Session, ensure_template
from pgassay.pgtap.run import PgtapDatabase, find_psql, run_file
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench

OUTPUT = ROOT / "build" / "bench.json"
ROW_FIELDS = tuple(field.name for field in fields(Row))
QUERY = "select count(*) from public.jobs"


def main(former: Path = OUTPUT) -> int:
    config, before = load_config(ROOT), read_rows(former)
    choice = os.environ.get("PGASSAY_SERVER") or config.server
    say("cold start")
    rows = [cold_start(choice), *access.difference(choice)]
    with open_server(choice) as server:
        bench = Workbench(config, server)
        for measure in (
            isolated_test,
            against_pytest_postgresql,
            cloning,
            pgtap,
            access.matrix,
            access.growth,
            schedules.schedules,
            mutants.mutants,
            *writes.MEASURES,
            *queues.MEASURES,
        ):
            say(measure.__name__)
            rows += measure(bench)
    OUTPUT.parent.mkdir(exist_ok=True)
    document = [asdict(row) | {"ratio": row.ratio} for row in rows]
    OUTPUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    show(rows, before)
    return 0


def say(measure: str) -> None:
    """On a terminal, what is measured now: some of it takes minutes."""
    console = Console(stderr=True)
    if console.is_terminal:
        console.print(f"{measure.replace('_', ' ')} …", style="dim")


def read_rows(file: Path) -> dict[str, Row]:
    """The rows of an earlier run by name; none where there was no such run."""
    if not file.exists():
        return {}
    document = json.loads(file.read_text(encoding="utf-8"))
    return {row["name"]: Row(**{key: row[key] for key in ROW_FIELDS}) for row in document}


def cold_start(choice: str) -> Row:
    """Nothing running to first query answered, in a new process each time."""
    script = (
        "import sys; from pathlib import Path; from pgassay.config import load_config\n"
        "from pgassay.server import open_server; from pgassay.workbench import Workbench\n"
        "with open_server(sys.argv[2]) as s, Workbench(load_config(Path(sys.argv[1])), s).database() as d:\n"
        f"    d.connect().execute('{QUERY}')\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(ROOT), choice]
    (ours,) = alternate(5, lambda: subprocess.run(command, check=True))
    return Row(name="cold start: schema and world loaded, first answer", ours=ours, theirs=None, unit="s")


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


def value_text(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit != "s":
        return f"{value:,.0f} {unit}"
    return f"{value * 1000:.2f} ms" if value < 1 else f"{value:.2f} s"


def ratio_text(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}" if ratio >= 0.1 else f"1/{1 / ratio:.0f}"


if __name__ == "__main__":
    former = Path(sys.argv[1]).absolute() if sys.argv[1:] else OUTPUT
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        sys.exit(main(former))
