"""The wheel has all that a machine needs which has never seen this repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from pgassay.server import RUNNING_SERVER, Server

ENGINE = Path(__file__).parents[1]
PYPROJECT = """
[tool.pgassay]
schema = "schema.sql"
environment = "supabase"
world = "world.sql"

[tool.pgassay.personas]
anon = { role = "anon" }
"""
SCHEMA = """
create table public.notes (id integer primary key);
alter table public.notes enable row level security;
create policy "notes are for everybody" on public.notes for select to anon using (true);
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built by the installed hatchling's own interface; pip would fetch one, and needs a network for it."""
    build = pytest.importorskip("hatchling.builders.wheel", reason="needs hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    [path] = build.WheelBuilder(str(ENGINE)).build(directory=str(folder), versions=["standard"])
    return Path(path)


def test_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    package = ENGINE / "src"
    files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    docs = ENGINE / "docs"
    files |= {f"pgassay/docs/{path.relative_to(docs)}" for path in docs.rglob("*") if path.is_file()}
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == {name for name in files if not name.endswith(".pyc")}


@pytest.mark.slow
def test_wheel_judges_a_schema_in_a_folder_of_its_own(wheel: Path, tmp_path: Path, server: Server) -> None:
    """Its dependencies are those of the environment that the tests run in."""
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    project = tmp_path / "project"
    project.mkdir()
    for name, text in {
        "pyproject.toml": PYPROJECT,
        "schema.sql": SCHEMA,
        "world.sql": "insert into notes values (1);",
    }.items():
        (project / name).write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    environment.pop(RUNNING_SERVER, None)
    command = [
        sys.executable,
        "-m",
        "pgassay.cli",
        "matrix",
        "--format",
        "json",
        "--server",
        server.url("postgres"),
    ]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    cells = json.loads(done.stdout)["cells"]
    assert ("select", "allowed") in {(cell["action"], cell["outcome"]) for cell in cells}
    assert ("insert", "denied_policy") in {(cell["action"], cell["outcome"]) for cell in cells}
