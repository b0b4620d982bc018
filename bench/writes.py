"""What writing costs: each step of a job with and without triggers and RLS, and many workers at once."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from measure import Row
from pages import WORKERS

from pgassay.database import Database
from pgassay.plans.load import loaded
from pgassay.server.binaries import system_bin_dirs
from pgassay.workbench import Workbench

SCRIPTS = Path(__file__).with_name("pgbench")
SCALE = 0.1
ROUNDS, TRANSACTIONS = 3, 400
NO_TRIGGERS = "alter table public.jobs disable trigger user"
NO_POLICIES = "alter table public.jobs no force row level security, disable row level security"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a job's life: a script of pgbench, and the role that it runs as."""

    script: str
    role: str


ENQUEUE = Step(script="enqueue", role="authenticated")
CLAIM = Step(script="claim", role="service_role")
STEPS = (
    ENQUEUE,
    CLAIM,
    Step(script="progress", role="service_role"),
    Step(script="complete", role="service_role"),
)


def write_costs(bench: Workbench) -> Iterator[Row]:
    """Each step a second, beside the same without triggers, without RLS (of enqueue; workers bypass it)."""
    with ExitStack() as stack:
        whole, open_, bare = (
            stack.enter_context(prepared(bench, *changes))
            for changes in ((), (NO_POLICIES,), (NO_POLICIES, NO_TRIGGERS))
        )
        ours, theirs = alternate(whole, open_, step=ENQUEUE)
        yield Row(name="enqueue with RLS, against without", ours=ours, theirs=theirs, unit="1/s")
        for step in STEPS:
            before = _updates(whole)
            ours, theirs = alternate(whole, bare, step=step)
            name = f"{step.script} with triggers and RLS, against neither"
            yield Row(name=name, ours=ours, theirs=theirs, unit="1/s")
            if step.script == "progress":
                updated, hot = (now - then for now, then in zip(_updates(whole), before, strict=True))
                yield Row(
                    name="progress updates that are HOT", ours=100 * hot / updated, theirs=None, unit="%"
                )


def worker_costs(bench: Workbench) -> Iterator[Row]:
    """Claims a second of K workers, beside one worker; and how many of them wait for a lock at a time."""
    with prepared(bench) as database:
        for workers in WORKERS:
            with _waiting(database) as waits:
                rates = [(run(database, CLAIM), run(database, CLAIM, clients=workers)) for _ in range(ROUNDS)]
            alone, together = map(statistics.median, zip(*rates, strict=True))
            yield Row(name=f"claims of {workers} workers, against 1", ours=together, theirs=alone, unit="1/s")
            share = 100 * statistics.mean(waits or [0])
            yield Row(name=f"clients that wait for a lock, of {workers}", ours=share, theirs=None, unit="%")


def alternate(*databases: Database, step: Step) -> list[float]:
    """Median transactions a second of one step in each database, measured turn by turn."""
    rounds = [[run(database, step) for database in databases] for _ in range(ROUNDS)]
    return [statistics.median(rates) for rates in zip(*rounds, strict=True)]


@contextmanager
def prepared(bench: Workbench, *statements: str) -> Iterator[Database]:
    """A loaded database with work for the scripts, changed by `statements`."""
    with loaded(bench, scale=SCALE) as database:
        with closing(database.connect(autocommit=True)) as connection:
            connection.execute((SCRIPTS / "prepare.sql").read_bytes())
            for statement in statements:
                connection.execute(statement.encode())
            connection.execute("vacuum (analyze) public.jobs, bench.users, bench.work")
        yield database


def run(database: Database, step: Step, *, clients: int = 1, transactions: int = TRANSACTIONS) -> float:
    """Transactions a second of a script, run by `clients` connections; each transaction must succeed."""
    command = [
        str(find_pgbench(database.server.bin_dir)),
        "--no-vacuum",
        "--file",
        str(SCRIPTS / f"{step.script}.sql"),
    ]
    command += [
        "--client",
        str(clients),
        "--transactions",
        str(transactions // clients),
        database.conninfo(),
    ]
    environment = os.environ | {"PGOPTIONS": f"-c role={step.role}", "PGAPPNAME": "pgbench"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (rate,) = (line.split()[2] for line in done.stdout.splitlines() if line.startswith("tps = "))
    return float(rate)


def find_pgbench(bin_dir: Path | None) -> Path:
    """That of the server, or of any that is installed: the embedded one has none."""
    folders = [*([bin_dir] if bin_dir else []), *system_bin_dirs()]
    found = [folder / "pgbench" for folder in folders if (folder / "pgbench").is_file()]
    assert found, "pgbench is not installed: it comes with PostgreSQL's server"
    return found[0]


def _updates(database: Database) -> tuple[int, int]:
    """Rows of jobs updated so far: all, and without a new index entry. Backends report as they end."""
    with closing(database.connect(autocommit=True)) as connection:
        row = connection.execute(
            "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'public.jobs'::regclass"
        ).fetchone()
    assert row
    return row


@contextmanager
def _waiting(database: Database) -> Iterator[list[float]]:
    """Samples, while the block runs, of the share of pgbench's clients that wait for a lock."""
    samples: list[float] = []
    ended = threading.Event()
    query = """
        select avg((wait_event_type is not distinct from 'Lock')::integer)::float from pg_stat_activity
        where application_name = 'pgbench' and datname = %s
    """
    server = database.server

    def watch() -> None:
        with closing(psycopg.connect(server.conninfo(server.maintenance), autocommit=True)) as connection:
            while not ended.wait(0.01):
                row = connection.execute(query, [database.name]).fetchone()
                if row and row[0] is not None:
                    samples.append(row[0])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()


MEASURES: tuple[Callable[[Workbench], Iterator[Row]], ...] = (
    write_costs,
    worker_costs,
)
