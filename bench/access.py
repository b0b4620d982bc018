"""How fast the access matrix and the executed difference are, and how their cost grows with the schema."""

from __future__ import annotations

import difflib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from measure import ROOT, Row, alternate
from plain import PGRLS, files_of, one_at_a_time, server_by_hand

from pgassay.matrix.assessment import Assessment, assess
from pgassay.workbench import Workbench

FEW, MANY = 50, 200
_TABLE = """
create table public.t{n} (
  id bigint generated always as identity primary key,
  owner_id uuid not null references auth.users (id),
  title text, amount integer not null default {n}
);
alter table public.t{n} enable row level security;
create policy own on public.t{n} to authenticated
using (owner_id = (select auth.uid())) with check (owner_id = (select auth.uid()));
grant select, insert, update, delete on public.t{n} to authenticated;
"""
_USER = "insert into auth.users (id, email) values ('{id}', '{id}@example.com');\n"
_ROWS = "insert into public.t{n} (owner_id, title) select id, 'mine' from auth.users;\n"


def matrix(bench: Workbench) -> Iterator[Row]:
    """The whole matrix of the project, in a database that is made for it; and each statement by itself."""
    found: list[Assessment] = []

    def one_by_one() -> None:
        with patch("pgassay.matrix.survey.fly", one_at_a_time):
            assess(bench)

    ours, theirs = alternate(3, lambda: found.append(assess(bench)), one_by_one)
    yield Row(name="access matrix, against one statement at a time", ours=ours, theirs=theirs, unit="s")
    probes = found[0].matrix.probes
    yield Row(name="matrix probes a second", ours=probes / ours, theirs=None, unit="1/s")


def difference(bench: Workbench) -> Iterator[Row]:
    """Nothing running to the report of what a widened policy gives away, in a new process each time."""
    text = (ROOT / "schema.sql").read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        head = Path(folder) / "schema.sql"
        Path(folder).chmod(0o755)  # read by who may run a server
        head.write_text(
            text.replace("using (user_id = (select auth.uid()))", "using (true)"), encoding="utf-8"
        )
        theirs = files_of(bench, depth="schema")
        changed = [f"--file={head}" if file == f"--file={ROOT / 'schema.sql'}" else file for file in theirs]

        def by_hand() -> None:
            with server_by_hand(bench) as programs:
                dumps = [programs.dump(side, files) for side, files in (("base", theirs), ("head", changed))]
            assert list(difflib.unified_diff(*(dump.splitlines() for dump in dumps)))

        took = alternate(2, lambda: _run_command("diff", str(ROOT / "schema.sql"), str(head)), by_hand)
    name = "difference from nothing, against psql, pg_dump and diff"
    yield Row(name=name, ours=took[0], theirs=took[1], unit="s")


def audit(bench: Workbench) -> Iterator[Row]:
    """Nothing running to what is wrong with the schema; with pgrls, which reads the catalog, the same way."""

    def pgrls() -> None:
        with server_by_hand(bench) as programs:
            programs.psql("postgres", *files_of(bench, depth="schema"))
            command = [str(PGRLS), str(ROOT / "bench" / "ask_pgrls.py"), "public,private,storage"]
            subprocess.run(
                command, input=f"{programs.url('postgres')}\n", check=True, capture_output=True, text=True
            )

    ours, theirs = alternate(2, lambda: _run_command("audit"), pgrls)
    yield Row(name="audit from nothing, against psql and pgrls lint", ours=ours, theirs=theirs, unit="s")


def _run_command(*words: str) -> None:
    """One command of ours in a process of its own, which starts its server; its answer is a verdict."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-m", "pgassay.cli", *words]
        command += ["--format", "json", "--output", f"{folder}/report.json"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        assert done.returncode in (0, 1), done.stderr.decode()


def growth(bench: Workbench) -> Iterator[Row]:
    """Seconds a table of a synthetic schema of 200 tables, beside one of 50: 1 where cost grows linearly."""
    with TemporaryDirectory() as folder:
        many, few = (_synthetic(bench, Path(folder), count) for count in (MANY, FEW))
        took = alternate(2, lambda: assess(many), lambda: assess(few))
    yield Row(
        name=f"matrix of {MANY} tables, against {FEW}, a table",
        ours=took[0] / MANY,
        theirs=took[1] / FEW,
        unit="s",
    )


def _synthetic(bench: Workbench, folder: Path, count: int) -> Workbench:
    schema, world = folder / f"{count}.sql", folder / f"{count}-world.sql"
    schema.write_text("".join(_TABLE.format(n=n) for n in range(count)), encoding="utf-8")
    users = [_USER.format(id=person.id) for person in bench.personas.values() if person.id]
    rows = [_ROWS.format(n=n) for n in range(count)]
    world.write_text("".join(users + rows), encoding="utf-8")
    config = replace(bench.config, schema=(schema,), companions=(), world=world, baseline=None, rows={})
    return Workbench(config, bench.server)
