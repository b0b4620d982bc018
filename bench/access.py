"""How fast the access matrix and the executed difference are, and how their cost grows with the schema."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import ROOT, Row, alternate

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
    """The whole matrix of the project, in a database that is made for it."""
    found: list[Assessment] = []
    (ours,) = alternate(5, lambda: found.append(assess(bench)))
    probes = found[0].matrix.probes
    yield Row(name="access matrix, all probes", ours=ours, theirs=None, unit="s")
    yield Row(name="matrix probes a second", ours=probes / ours, theirs=None, unit="1/s")


def difference(choice: str) -> Iterator[Row]:
    """Nothing running to the report of what a widened policy gives away, in a new process each time."""
    text = (ROOT / "schema.sql").read_text(encoding="utf-8")
    with TemporaryDirectory() as folder:
        head = Path(folder) / "head.sql"
        head.write_text(
            text.replace("using (user_id = (select auth.uid()))", "using (true)"), encoding="utf-8"
        )
        command = [sys.executable, "-W", "ignore", "-m", "pgassay.cli", "diff", str(ROOT / "schema.sql")]
        command += [str(head), "--server", choice, "--format", "json", "--output", f"{folder}/diff.json"]

        def run() -> None:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
            assert done.returncode == 1, done.stderr.decode()

        (ours,) = alternate(3, run)
    yield Row(name="difference of two versions, cold", ours=ours, theirs=None, unit="s")


def growth(bench: Workbench) -> Iterator[Row]:
    """Seconds a table of a synthetic schema of 200 tables, beside one of 50: 1 where cost grows linearly."""
    with TemporaryDirectory() as folder:
        many, few = (_synthetic(bench, Path(folder), count) for count in (MANY, FEW))
        took = alternate(3, lambda: assess(many), lambda: assess(few))
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
