"""A load is kept for later runs, whole or not at all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.errors import ExitCode, ServerError
from pgassay.plans.command import ensure_kept, kept_loads, open_loaded_server, show_plans
from pgassay.server import ATTACHED, OwnServer, Server, open_own_server
from pgassay.server.cache import DataCache
from pgassay.workbench import Workbench
from tests.plans.plan_support import CONTRACTS, LOAD, SCHEMA

pytestmark = pytest.mark.slow

SCALE = 0.02
# All has been copied, but for the last file: here the process dies.
KILLED = """
import os, signal, sys
from pathlib import Path
from pgassay.server.cache import DataCache

Path.write_text = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
DataCache(folder=Path(sys.argv[1]), key="new").put(Path(sys.argv[2]))
"""


@pytest.fixture
def counted(project: Config, server: Server) -> Config:
    """The small project on servers of its own, with a load that notes each loading in a file."""
    note = f"    with open({str(project.root / 'loaded')!r}, 'a') as file:\n        file.write('x')\n"
    assert project.load
    project.load.write_text(LOAD.replace("    yield", f"{note}    yield", 1), encoding="utf-8")
    (file,) = project.plans
    file.write_text(CONTRACTS.replace("buffers = 60", "buffers = 200"), encoding="utf-8")
    return replace(project, server=str(server.bin_dir or "embedded"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Something like the data of a server at rest."""
    folder = tmp_path / "data"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "1").write_text("rows", encoding="utf-8")
    (folder / "postgresql.conf").write_text("port = 1", encoding="utf-8")
    return folder


def loadings(config: Config) -> int:
    return len((config.root / "loaded").read_text(encoding="utf-8"))


def keep(config: Config, own: OwnServer) -> str:
    return ensure_kept(Workbench(config, own.server), own, scale=SCALE, on_progress=lambda _: None)


def run(config: Config) -> ExitCode:
    with open_loaded_server(config, scale=SCALE, on_progress=lambda _: None) as server:
        return show_plans(config, server, scale=SCALE)


@pytest.mark.slow
def test_later_run_takes_what_was_loaded_until_the_schema_changes(
    counted: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(counted) is ExitCode.GOOD
    (former,) = kept_loads(counted).iterdir()
    assert f"kept for later runs in build/plans/{former.name}: 0.1 GB" in capsys.readouterr().err
    with open_own_server(counted.server) as own:
        assert keep(counted, own) == ""
        assert show_plans(counted, own.server, scale=SCALE) is ExitCode.GOOD
        assert "\n10,050 rows: 1 of 1 contracts hold;" in capsys.readouterr().out
        assert loadings(counted) == 1
        counted.schema[0].write_text(f"{SCHEMA}comment on table public.notes is 'x';\n", encoding="utf-8")
        assert keep(counted, own).startswith("The load is kept ")
    (latter,) = kept_loads(counted).iterdir()
    assert (former.name != latter.name, loadings(counted)) == (True, 2)


def test_load_that_cannot_be_kept_is_judged_all_the_same(
    counted: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    (counted.root / "build").write_text("not a folder", encoding="utf-8")
    assert run(counted) is ExitCode.GOOD
    assert capsys.readouterr().err.startswith("The load is not kept for later runs: ")


@pytest.mark.slow
def test_kept_files_that_cannot_be_read_are_left_alone_and_those_that_spoil_the_server_named(
    counted: Config,
) -> None:
    with open_own_server(counted.server) as own:
        keep(counted, own)
        (kept,) = kept_loads(counted).iterdir()
        (kept / "nowhere").symlink_to("missing")
        assert keep(counted, own).startswith("The load is kept ")
        control = kept / "global" / "pg_control"
        control.write_bytes(bytes(control.stat().st_size))
        with pytest.raises(ServerError, match=f"remove {re.escape(str(kept))}: "):
            keep(counted, own)


def test_small_load_is_not_kept(counted: Config) -> None:
    with open_loaded_server(counted, scale=0.01, on_progress=lambda _: None):
        assert not kept_loads(counted).exists()


def test_server_that_is_attached_keeps_its_templates_itself(counted: Config, server: Server) -> None:
    attached = replace(counted, server=server.conninfo(server.maintenance))
    with open_loaded_server(attached, scale=SCALE, on_progress=lambda _: None) as found:
        assert found.origin == ATTACHED
    assert not kept_loads(counted).exists()


def test_what_a_killed_run_left_is_never_taken_and_goes_with_the_next(tmp_path: Path, data: Path) -> None:
    cache = DataCache(folder=tmp_path / "cache", key="new")
    cache.folder.mkdir()
    command = [sys.executable, "-c", KILLED, str(cache.folder), str(data)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(command, check=False, env=environment).returncode == -signal.SIGKILL
    assert [folder.name for folder in cache.folder.iterdir()] == [".new"]
    assert not cache.take(data)
    assert cache.put(data) == len("rows") + len("port = 1")
    assert list(cache.folder.iterdir()) == [cache.kept]


def test_data_that_are_taken_replace_all_but_the_configuration(tmp_path: Path, data: Path) -> None:
    cache = DataCache(folder=tmp_path / "cache", key="old")
    cache.put(data)
    (data / "base" / "1").unlink()
    (data / "base" / "2").write_text("other rows", encoding="utf-8")
    (data / "postgresql.conf").write_text("port = 2", encoding="utf-8")
    assert cache.take(data)
    found = {str(file.relative_to(data)): file.read_text(encoding="utf-8") for file in data.rglob("*.*")}
    assert found == {"postgresql.conf": "port = 2"}
    assert [file.name for file in (data / "base").iterdir()] == ["1"]


def test_folder_keeps_the_last_load_alone(tmp_path: Path, data: Path) -> None:
    older, newer = (DataCache(folder=tmp_path / "cache", key=key) for key in ("older", "newer"))
    older.put(data)
    newer.put(data)
    assert (older.take(data), newer.take(data)) == (False, True)


def test_data_that_are_not_whole_any_more_are_not_taken(tmp_path: Path, data: Path) -> None:
    cache = DataCache(folder=tmp_path / "cache", key="old")
    cache.put(data)
    (cache.kept / "base" / "1").write_text("", encoding="utf-8")
    assert not cache.take(data)
    assert (data / "base" / "1").read_text(encoding="utf-8") == "rows"
    assert [folder.name for folder in tmp_path.iterdir() if folder.name == "kept"] == []
