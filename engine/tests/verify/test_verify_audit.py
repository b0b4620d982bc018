"""The stage `audit` of the gate: what is new against the accepted file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgassay.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.slow

OPEN = "create table public.hits (id integer primary key, path text not null);"
CLOSED = f"{OPEN}\nalter table public.hits enable row level security;"
ID = "strangers:public.hits:update+delete+select:anon+alice+bob"


@pytest.fixture
def root(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))
    (tmp_path / "hits.sql").write_text(OPEN, encoding="utf-8")
    (tmp_path / "pgassay.toml").write_text('schema = ["hits.sql"]\n', encoding="utf-8")
    return tmp_path


def stage(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    document = json.loads(done.stdout)
    [found] = [one for one in document["stages"] if one["name"] == "audit"]
    return found["status"], found["detail"]


def test_project_without_acceptances_is_audited_only_where_somebody_asks(root: Path, run: Run) -> None:
    done = run("verify", "--format", "json", cwd=root)
    assert done.returncode == 0
    assert stage(done) == ("skipped", "there is no audit.toml: see pgassay audit")
    asked = run("verify", "--only", "audit", "--format", "json", cwd=root)
    assert asked.returncode == 1
    assert stage(asked) == ("problem", "1 not accepted, 1 low or to know")
    [finding] = json.loads(asked.stdout)["findings"]
    assert finding["rule"] == "audit.strangers"
    assert finding["message"].startswith("critical: anyone, without an account,")
    assert finding["message"].endswith(f' To accept it: pgassay audit --accept {ID} --because "…"')
    assert finding["line"] == 1
    assert finding["witness"].endswith("rollback;\n")


def test_gate_asks_from_the_first_acceptance_on(root: Path, run: Run) -> None:
    (root / "audit.toml").touch()
    assert run("verify", cwd=root).returncode == 1
    skipped = run("verify", "--skip", "audit", "--format", "json", cwd=root)
    assert (skipped.returncode, stage(skipped)) == (0, ("skipped", "not asked for"))
    assert run("audit", "--accept", ID, "--because", "It counts visits.", cwd=root).returncode == 0
    done = run("verify", "--format", "json", cwd=root)
    told = "nothing that is not accepted, 1 accepted, 1 low or to know"
    assert (done.returncode, stage(done)) == (0, ("good", told))
    (root / "hits.sql").write_text(CLOSED, encoding="utf-8")
    closed = run("verify", cwd=root)
    assert closed.returncode == 0
    assert f"expired: {ID}: nothing is found any more" in " ".join(closed.stdout.split())
    assert max(len(line) for line in closed.stdout.splitlines() if ID not in line) <= 80


def test_schema_that_does_not_load_is_not_audited(root: Path, run: Run) -> None:
    (root / "audit.toml").touch()
    (root / "hits.sql").write_text("create table public.hits (id nonesuch);", encoding="utf-8")
    done = run("verify", "--format", "json", cwd=root)
    assert (done.returncode, stage(done)) == (1, ("not judged", "not run: the load failed"))
    alone = run("verify", "--only", "audit", "--format", "json", cwd=root)
    assert (alone.returncode, stage(alone)) == (1, ("problem", "does not load"))


def test_broken_file_of_acceptances_is_exit_2(root: Path, run: Run) -> None:
    (root / "audit.toml").write_text("accepted = 3\n", encoding="utf-8")
    done = run("verify", cwd=root)
    assert done.returncode == 2
    assert "audit.toml" in done.stderr
