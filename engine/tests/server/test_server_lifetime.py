"""A server ends with its owner, however the owner ends; nothing stays behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgassay.errors import ServerError
from pgassay.server import Server, describe_loss, open_own_server, open_server
from pgassay.server.directories import base_directories
from pgassay.server.ephemeral import _exchange

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

# The forked child holds the owner's end of the supervisor's pipe open, as a child of multiprocessing would.
OWNER = """
import json, os, signal
from pgassay.server import open_server
with open_server("embedded") as server:
    child = os.fork()
    if child:
        print(json.dumps([child, server.to_json()]), flush=True)
    signal.pause()
"""


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory that holds the servers of this test alone."""
    folder = Path(tempfile.mkdtemp(prefix="owned by test ", dir=base_directories({})[0]))
    folder.chmod(0o755)
    monkeypatch.setenv("PGASSAY_TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


@contextmanager
def owner_process() -> Iterator[tuple[subprocess.Popen[bytes], Server]]:
    """Another process that owns a server and has a child, which outlives it until the end of the block."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, env=environment) as owner:
        assert owner.stdout
        child, values = json.loads(owner.stdout.readline())
        try:
            yield owner, Server.from_json(values)
        finally:
            os.kill(child, signal.SIGKILL)
            owner.kill()


def postmaster_pid_file(server: Server) -> list[str]:
    return (Path(server.host).parent / "data" / "postmaster.pid").read_text().splitlines()


def family(server: Server) -> tuple[int, int, list[int]]:
    """The pids of the supervisor, the postmaster and the postmaster's children."""
    postmaster = int(postmaster_pid_file(server)[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return int(status(postmaster)[1]), postmaster, [int(pid) for pid in children]


def status(pid: int) -> list[str]:
    """State and parent of a process; a process that is gone has state X."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return ["X", "0"]


def ended(*pids: int) -> bool:
    return all(status(pid)[0] in "ZX" for pid in pids)


def eventually(claim: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.005)
    return claim()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_owner_leaves_no_server(number: signal.Signals, base: Path) -> None:
    with owner_process() as (owner, server):
        supervisor, postmaster, children = family(server)
        owner.send_signal(number)
        assert eventually(lambda: ended(supervisor, postmaster, *children))
        assert list(base.iterdir()) == []


def test_terminated_supervisor_leaves_no_server(base: Path) -> None:
    with open_server("embedded") as server:
        supervisor, postmaster, children = family(server)
        os.kill(supervisor, signal.SIGTERM)
        assert eventually(lambda: ended(supervisor, postmaster, *children))
        assert list(base.iterdir()) == []


def test_killed_supervisor_takes_the_server_along_and_the_next_start_sweeps(base: Path) -> None:
    with open_server("embedded") as server:
        supervisor, postmaster, children = family(server)
        os.kill(supervisor, signal.SIGKILL)
        assert eventually(lambda: ended(supervisor, postmaster, *children))
    assert [Path(server.host).parent] == list(base.iterdir())
    with open_server("embedded") as successor:
        assert [Path(successor.host).parent] == list(base.iterdir())


def test_sweep_leaves_what_only_begins_like_a_servers_directory(base: Path) -> None:
    for name in ("pgassay-suites-k3faqwbm", "pgassay-cache", "pgassay-0123456789abcdef"):
        (base / name).mkdir()
    (base / "pgassay-0123456789ab").mkdir()
    with open_server("embedded"):
        pass
    left = {folder.name for folder in base.iterdir()}
    assert left == {"pgassay-suites-k3faqwbm", "pgassay-cache", "pgassay-0123456789abcdef"}


def test_killed_server_is_told_with_its_log_and_leaves_no_runaway_backend(base: Path) -> None:
    with open_server("embedded") as server:
        _, postmaster, _ = family(server)
        segment = postmaster_pid_file(server)[6].split()[1]
        runaway = psycopg.connect(server.conninfo("postgres"))
        runaway.pgconn.send_query(b"do 'begin loop end loop; end'")
        bystander = psycopg.connect(server.conninfo("postgres"))
        os.kill(postmaster, signal.SIGKILL)
        assert eventually(lambda: ended(postmaster))
        with pytest.raises(psycopg.OperationalError) as caught:
            psycopg.connect(server.conninfo("postgres"))
        loss = describe_loss(server, caught.value)
        assert loss.what == "The PostgreSQL server went away in mid-run."
        assert "database system is ready to accept connections" in loss.why
        backend = runaway.info.backend_pid
        assert not ended(backend)
        runaway.close()
        bystander.close()
    assert ended(backend)
    assert list(base.iterdir()) == []
    assert segment not in [line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()]


def test_crashed_server_recovers_what_was_committed_and_nothing_else(base: Path) -> None:
    with open_own_server("embedded", durable=True) as crashable:
        dsn = crashable.server.conninfo("postgres")
        former = family(crashable.server)
        before = psycopg.connect(dsn, autocommit=True)
        before.execute("create table note (text text)")
        before.execute("insert into note values ('committed')")
        before.execute("begin; insert into note values ('open')")
        crashable.crash()
        assert ended(former[1], *former[2])
        with pytest.raises(psycopg.OperationalError):
            before.execute("commit")
        with psycopg.connect(dsn) as after:
            assert after.execute("select text from note").fetchall() == [("committed",)]
        log = Path(crashable.server.host, "postgres.log").read_text()
        assert log.count("automatic recovery in progress") == 1
        latter = family(crashable.server)
        assert latter[0] == former[0]
    assert ended(latter[1], *latter[2])
    assert list(base.iterdir()) == []


def test_server_that_cannot_recover_is_told_with_its_log(base: Path) -> None:
    with open_own_server("embedded", durable=True) as crashable:
        (Path(crashable.server.host).parent / "data" / "global" / "pg_control").unlink()
        with pytest.raises(ServerError) as caught:
            crashable.crash()
        assert caught.value.what == "Could not start PostgreSQL: postgres failed."
        assert "could not find the database system" in caught.value.why
    assert list(base.iterdir()) == []


def test_server_at_rest_has_ended_in_order_and_wakes_on_its_data(base: Path) -> None:
    with open_own_server("embedded") as own:
        dsn = own.server.conninfo("postgres")
        with psycopg.connect(dsn) as connection:
            connection.execute("create table kept as select 7 as seven")
        with own.at_rest() as data:
            assert not (data / "postmaster.pid").exists()
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(dsn)
        with psycopg.connect(dsn) as connection:
            assert connection.execute("select seven from kept").fetchone() == (7,)
        log = Path(own.server.host, "postgres.log").read_text()
    assert "database system is shut down" in log
    assert "not properly shut down" not in log
    assert list(base.iterdir()) == []


def test_signals_do_not_cut_what_the_supervisor_is_told_short() -> None:
    """A pipe takes 64 kB, and a signal ends a write that waits for room."""
    reader = "import json, sys, time; time.sleep(0.2); line = sys.stdin.readline()"
    reader += "; print(json.dumps({'ready': {'length': len(line)}}))"
    ticks: list[int] = []

    def tick(number: int, _: object) -> None:
        ticks.append(number)
        if len(ticks) > 100:
            raise TimeoutError

    former = signal.signal(signal.SIGALRM, tick)
    with subprocess.Popen(
        [sys.executable, "-c", reader], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        try:
            answer = _exchange(process, "x" * 200_000)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)
    assert (answer, bool(ticks)) == ({"ready": {"length": 200_001}}, True)
