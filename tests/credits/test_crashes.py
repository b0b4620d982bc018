"""SIGKILL under load: every acknowledged commit is there, nothing else is, and credits are in order.

A killed process leaves what it wrote to the operating system, so this shows what survives a crash of
PostgreSQL or of its container; it says nothing of a loss of power.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from random import Random

import psycopg
import pytest

from pgassay.database import Database, Session, apply_script
from pgassay.errors import ServerError
from pgassay.server import OwnServer, open_own_server
from pgassay.workbench import Workbench
from tests.credits.budget import IS_DEEP
from tests.credits.invariants import find_violations
from tests.credits.snapshot import Snapshot, read_snapshot
from tests.credits.variants import LAST_WORDS, TWO_TRANSACTIONS
from tests.credits.writers import DEADLINE, Load, Log, find_losses, load
from tests.shared.accounts import open_account

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux", reason="elsewhere the children of a killed postmaster can not be ended"
    ),
]

SEEDS = range(25 if IS_DEEP else 1)
VICTIMS = (
    ("server", "client backend", "walwriter", "checkpointer") if IS_DEEP else ("server", "client backend")
)
WRITERS = 4
TRIES = 10
"""Kills until a control must have shown itself; the first one nearly always does."""


@pytest.fixture(scope="module")
def crashable(workbench: Workbench) -> Iterator[OwnServer]:
    """A durable server of this module's own, of the version under test."""
    bin_dir = workbench.server.bin_dir
    with open_own_server("embedded" if bin_dir is None else str(bin_dir), durable=True) as crashable:
        yield crashable


@pytest.fixture
def database(workbench: Workbench, crashable: OwnServer) -> Iterator[Database]:
    """The schema without a world, on the server that is going to crash."""
    with Workbench(workbench.config, crashable.server).database(depth="schema") as database:
        yield database


def open_logs(database: Database, seed: int, *, credits: int) -> list[Log]:
    """Two users with credits, and two writers for each of them."""
    with closing(database.connect()) as connection:
        session = Session(connection, owner=database.owner)
        users = [open_account(session, name, credits=credits).id or "" for name in ("erin", "frank")]
        connection.execute("commit")
    return [Log(user=users[n % 2], random=Random(f"{seed} {n}")) for n in range(WRITERS)]


def kill(crashable: OwnServer, load: Load, victim: str) -> None:
    """Kill all of the server at once, or one of its processes: the others then end at once too."""
    if victim == "server":
        crashable.crash()
        return
    server = crashable.server
    with psycopg.connect(server.conninfo(server.maintenance)) as connection:
        query = "select pid from pg_stat_activity where backend_type = %s and pid <> pg_backend_pid()"
        pids = [pid for (pid,) in connection.execute(query, [victim])]
    os.kill(load.pids[0] if load.pids[0] in pids else pids[0], signal.SIGKILL)


def recover(database: Database) -> Snapshot:
    """What is there once the server takes connections again."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            connection = database.connect()
        except ServerError:
            assert time.monotonic() < deadline
            continue
        with closing(connection):
            return read_snapshot(Session(connection, owner=database.owner))


def crash(
    crashable: OwnServer,
    database: Database,
    logs: Sequence[Log],
    commits: int,
    *,
    victim: str = "server",
    setting: str = "",
    payment: str = "",
) -> Snapshot:
    """Kill the server when the writers have committed so often; what it recovered."""
    with load(database, logs, setting=setting, payment=payment) as writers:
        writers.await_commits(commits)
        kill(crashable, writers, victim)
    return recover(database)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_acknowledged_and_nothing_else_survives_a_kill(
    crashable: OwnServer, database: Database, seed: int
) -> None:
    random, logs = Random(seed), open_logs(database, seed, credits=20)
    for victim in VICTIMS:
        now = crash(crashable, database, logs, random.randint(5, 50), victim=victim)
        assert find_violations(now) + find_losses(now, logs) == [], f"seed {seed}, {victim} killed"


def test_refusal_that_is_the_last_word_of_a_connection_ends_its_writer(database: Database) -> None:
    apply_script(database.conninfo(), LAST_WORDS, timeout_seconds=DEADLINE)
    logs = open_logs(database, 0, credits=0)
    with load(database, logs):
        pass
    now = recover(database)
    assert find_violations(now) + find_losses(now, logs) == []


def test_control_commits_that_do_not_wait_for_the_disk_are_lost(
    crashable: OwnServer, database: Database
) -> None:
    logs = open_logs(database, 0, credits=20)
    for _ in range(TRIES):
        now = crash(crashable, database, logs, 20, setting="set synchronous_commit = off")
        assert find_violations(now) == []
        if losses := find_losses(now, logs):
            break
    assert "acknowledged" in "".join(losses)


def test_control_charge_in_a_transaction_of_its_own_is_lost(crashable: OwnServer, database: Database) -> None:
    apply_script(database.conninfo(), TWO_TRANSACTIONS, timeout_seconds=DEADLINE)
    logs = open_logs(database, 0, credits=10000)
    for _ in range(TRIES):
        now = crash(crashable, database, logs, 20, payment="select public.pay_jobs(%s::uuid[])")
        assert find_losses(now, logs) == []
        unpaid = [what for what in find_violations(now) if what.endswith("with the entries []")]
        if any("QUEUED" in what for what in unpaid):
            break
    assert any("QUEUED" in what for what in unpaid)
