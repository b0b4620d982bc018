"""`pgassay world`: what it shows, what it writes, and that what it wrote loads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgassay.server import Server
from tests.world.world_support import NOTES

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))
    (tmp_path / "supabase/migrations").mkdir(parents=True)
    (tmp_path / "supabase/migrations/1_a.sql").write_text(NOTES, encoding="utf-8")
    (tmp_path / "supabase/config.toml").write_text("[api]\nauto_expose_new_tables = true\n", encoding="utf-8")
    return tmp_path


def test_rows_are_shown_by_table(root: Path, run: Run) -> None:
    done = run("world", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "auth.users    alice, bob" in done.stdout
    assert "atoms of policies are true on some row" in done.stdout


def test_rows_of_one_table_are_explained(root: Path, run: Run) -> None:
    done = run("world", "--why", "notes", cwd=root)
    assert "public.notes: a row of alice" in done.stdout
    assert "insert into public.notes" in done.stdout
    assert "auth.users" not in done.stdout.replace("auth.uid", "")
    refused = run("world", "--why", "nonesuch", cwd=root)
    assert refused.returncode == 2
    assert "name one of these: auth.users" in refused.stderr


def test_what_was_written_loads_and_leaves_nothing_to_make(root: Path, run: Run) -> None:
    assert run("world", "--write", "world.sql", cwd=root).returncode == 0
    text = (root / "world.sql").read_text(encoding="utf-8")
    assert "-- public.notes: a row of bob\n" in text
    again = run("world", "--world", "world.sql", "--format", "json", cwd=root)
    document = json.loads(again.stdout)
    assert [row["table"] for row in document["rows"] if row["table"]] == []
    assert document["missing"] == []


def test_configured_world_auto_is_no_file(root: Path, run: Run) -> None:
    (root / "pgassay.toml").write_text('world = "auto"\n', encoding="utf-8")
    assert "public.notes" in run("world", cwd=root).stdout
    matrix = run("matrix", cwd=root)
    assert "no row to try" not in matrix.stdout
