"""`pgassay audit`: what it says, writes and answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pgassay.audit import scene
from pgassay.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]

HITS = "create table public.hits (id integer primary key, path text not null);"
CLOSED = f"{HITS}\nalter table public.hits enable row level security;"
ID = "strangers:public.hits:update+delete+select:anon+alice+bob"


@pytest.fixture
def root(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))
    (tmp_path / "hits.sql").write_text(HITS, encoding="utf-8")
    return tmp_path


def test_a_file_alone_is_audited(root: Path, run: Run) -> None:
    done = run("audit", "hits.sql", "--witness", "out", "--fix", "fix.sql", cwd=root)
    assert (done.returncode, done.stderr) == (1, "")
    assert "critical  anyone, without an account" in " ".join(done.stdout.split()).replace(
        "critical ", "critical  "
    )
    assert "1 critical" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    witness = (root / "out/01.sql").read_text(encoding="utf-8")
    assert 'set local role "anon";' in witness or "set local role anon;" in witness
    assert witness.endswith("rollback;\n")
    assert "alter table public.hits enable row level security;" in (root / "fix.sql").read_text(
        encoding="utf-8"
    )
    (root / "hits.sql").write_text(CLOSED, encoding="utf-8")
    closed = run("audit", "hits.sql", cwd=root)
    assert closed.returncode == 0
    assert "1 info" in closed.stdout  # what the platform grants
    assert "1 critical" not in closed.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "An acceptance needs a reason."),
        (("--because", "Yes."), "Cannot write {root}/audit.toml: Is a directory"),
    ],
)
def test_acceptance_that_could_not_be_kept_is_refused_before_the_work(
    root: Path, words: tuple[str, ...], sentence: str, run: Run
) -> None:
    (root / "audit.toml").mkdir()
    refused = run("audit", "hits.sql", "--accept", ID, *words, "--server", "/nonesuch", cwd=root)
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[0] == sentence.format(root=root)


def test_what_is_accepted_passes_until_its_object_changes(root: Path, run: Run) -> None:
    done = run("audit", "hits.sql", "--accept", ID, "--because", 'It is "public".', cwd=root)
    assert done.returncode == 0
    assert run("audit", "hits.sql", cwd=root).returncode == 0
    (root / "hits.sql").write_text(HITS.replace("path text", "agent text, path text"), encoding="utf-8")
    changed = run("audit", "hits.sql", cwd=root)
    assert changed.returncode == 1
    assert "its object has changed since" in " ".join(changed.stdout.split())


def test_json_report_keeps_its_contract(root: Path, run: Run) -> None:
    done = run("audit", "hits.sql", "--format", "json", cwd=root)
    document = json.loads(done.stdout)
    assert set(document) == {"version", "findings", "not_tried", "expired", "fault", "seconds"}
    [finding, granted] = document["findings"]
    assert finding["id"] == ID
    assert (granted["rule"], granted["severity"]) == ("catalog", "info")
    assert set(finding) == {
        *("id", "rule", "object", "columns", "actions", "who", "severity", "sentence", "witness"),
        *("schedule", "repair", "file", "line", "accepted"),
    }
    assert (finding["severity"], finding["line"], finding["accepted"]) == ("critical", 1, None)


def test_a_schema_that_does_not_load_is_a_problem_of_the_schema(root: Path, run: Run) -> None:
    (root / "hits.sql").write_text("create table public.hits (id nonesuch);", encoding="utf-8")
    reports = [f"--report={name}={name}.out" for name in ("html", "sarif", "junit", "github", "json")]
    done = run("audit", "hits.sql", *reports, cwd=root)
    assert done.returncode == 1
    assert "nonesuch" in done.stdout
    for name in ("html", "sarif", "junit", "json", "github"):
        assert "nonesuch" in (root / f"{name}.out").read_text(encoding="utf-8")
    assert "::error file=hits.sql,line=1,title=audit%3A load::" in (root / "github.out").read_text("utf-8")
    assert 'failures="1"' in (root / "junit.out").read_text("utf-8")


def test_every_format_is_written(root: Path, run: Run) -> None:
    reports = [f"--report={name}={name}.out" for name in ("html", "markdown", "junit", "github")]
    assert run("audit", "hits.sql", *reports, cwd=root).returncode == 1
    for name in ("html", "markdown", "junit", "github"):
        assert "public.hits" in (root / f"{name}.out").read_text(encoding="utf-8")


def test_a_function_that_sleeps_holds_nothing_up(
    root: Path, run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "LONGEST", 500)
    sleeper = """
    create function public.wait() returns void language sql security definer set search_path = ''
    as $$ select pg_catalog.pg_sleep(600) $$;
    """
    (root / "hits.sql").write_text(CLOSED + sleeper, encoding="utf-8")
    done = run("audit", "hits.sql", cwd=root)
    assert done.returncode == 0
    assert "public.wait() beyond its first call" in done.stdout
    with psycopg.connect(server.url("postgres")) as connection:
        asked = (
            "select count(*) from pg_catalog.pg_stat_activity "
            "where query like '%public.wait%' and pid <> pg_backend_pid()"
        )
        assert connection.execute(asked).fetchone() == (0,)


def test_sarif_is_shown_or_written(root: Path, run: Run) -> None:
    done = run("audit", "hits.sql", "--format", "sarif", "--report", "sarif=log.sarif", cwd=root)
    assert done.returncode == 1
    assert done.stdout == (root / "log.sarif").read_text(encoding="utf-8")
    result, grants = json.loads(done.stdout)["runs"][0]["results"]
    assert (result["level"], grants["level"], grants["ruleId"]) == ("error", "note", "catalog")
    assert result["properties"]["id"] == ID
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "hits.sql", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 1, "startColumn": 1},
    }


def test_a_file_outside_of_the_project_is_judged_by_itself(root: Path, run: Run) -> None:
    """Neither with what the project loads besides, nor with its users."""
    project = root / "project"
    project.mkdir()
    (project / "pgassay.toml").write_text('schema = "own.sql"\ncompanions = "more.sql"\n', encoding="utf-8")
    (project / "own.sql").write_text("create table public.own (id integer);", encoding="utf-8")
    (project / "more.sql").write_text("alter table public.own add more text;", encoding="utf-8")
    done = run("audit", str(root / "hits.sql"), "--format", "json", cwd=project)
    document = json.loads(done.stdout)
    assert (document["fault"], [one["id"] for one in document["findings"]][:1]) == (None, [ID])
