"""The command as people and scripts call it: exit codes, streams, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from pgassay.server import Server

PGASSAY = [sys.executable, "-m", "pgassay.cli"]


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [*PGASSAY, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["verify", "--schema", "nonesuch.sql"], "There is no file {cwd}/nonesuch.sql."),
        (["verify", "--schema", "."], "{cwd} is a directory, not a SQL file."),
        (["verify", "--schema", "empty.sql"], "{cwd}/empty.sql is empty."),
        (["verify"], "There is no schema to look at."),
        (["verify", "--schema", "empty.sql", "--server", "/nonesuch"], "/nonesuch"),
    ],
)
def test_what_cannot_be_judged_exits_2_with_a_sentence(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "empty.sql").touch()
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert sentence.format(cwd=tmp_path) in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_report_goes_to_the_file_and_the_summary_to_the_terminal(tmp_path: Path, server: Server) -> None:
    (tmp_path / "schema.sql").write_text("create table a (id integer);\n", encoding="utf-8")
    report = tmp_path / "build" / "report.json"
    options = [
        "--only",
        "load",
        "--schema",
        "schema.sql",
        "--format",
        "json",
        "--server",
        server.url("postgres"),
    ]
    done = run("verify", *options, "--output", report, cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(report.read_text(encoding="utf-8"))["verdict"] == "good"
    assert done.stdout.endswith("verdict: good\n")


@pytest.mark.parametrize("stop", ["SIGTERM", "end of input"])
def test_up_announces_a_superusers_database_and_leaves_nothing(tmp_path: Path, stop: str) -> None:
    (tmp_path / "schema.sql").write_text("create table a (id integer);\n", encoding="utf-8")
    command = [*PGASSAY, "up", "--schema", "schema.sql", "--format", "json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        line = json.loads(process.stdout.readline())
        assert set(line) == {"dsn", "socket", "database"}
        with psycopg.connect(line["dsn"]) as connection:
            assert connection.info.parameter_status("is_superuser") == "on"
            assert connection.info.dbname == line["database"]
            assert connection.execute("select to_regclass('a') is not null").fetchone() == (True,)
        if stop == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        assert process.wait(timeout=20) == 0
    assert not Path(line["socket"]).exists()


def test_up_says_so_when_its_server_is_killed(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table a (id integer);\n", encoding="utf-8")
    command = [*PGASSAY, "up", "--schema", "schema.sql", "--format", "json"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, cwd=tmp_path, **pipes, text=True) as process:
        line = json.loads(process.stdout.readline())
        with psycopg.connect(line["dsn"]) as connection:
            (postmaster,) = connection.execute(
                "select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)::integer"
            ).fetchone()
        os.kill(postmaster, signal.SIGKILL)
        assert process.wait(timeout=20) == 2
        assert "server" in process.stderr.read()
    assert not Path(line["socket"]).exists()


def test_doctor_names_the_server_and_pgtap(tmp_path: Path) -> None:
    done = run("doctor", "--format", "json", cwd=tmp_path)
    document = json.loads(done.stdout)
    found = {check["name"]: check["found"] for check in document["checks"]}
    assert found["server"] is True
    assert done.returncode == (0 if document["can_judge"] else 2)


def test_doctor_without_a_server_cannot_judge(tmp_path: Path) -> None:
    done = run("doctor", "--server", "/nonesuch", cwd=tmp_path)
    assert done.returncode == 2
    assert "MISSING server" in done.stdout
