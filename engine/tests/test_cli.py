"""The command as people and scripts call it: exit codes, streams, and that nothing is left behind."""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from pgassay import cli, manual, up
from pgassay.cli import make_parser
from pgassay.database import choose_owner
from pgassay.errors import ConfigError
from pgassay.render.output import check_writable, write_report
from pgassay.server import Server

PGASSAY = [sys.executable, "-m", "pgassay.cli"]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["verify", "--schema", "nonesuch.sql"], "There is no file {cwd}/nonesuch.sql."),
        (["verify", "--schema", "."], "{cwd} is a directory, not a SQL file."),
        (["verify", "--schema", "empty.sql"], "empty.sql: no SQL statement is in there."),
        (["verify"], "There is no schema to look at."),
        (["verify", "--schema", "schema.sql", "--server", "/nonesuch"], "/nonesuch"),
        (["up", "--schema", "schema.sql", "--port", "0"], "PostgreSQL cannot listen on port 0."),
        (["verify", "--schema", "schema.sql", "--output", "."], "Cannot write .: Is a directory"),
        (
            ["diff", "schema.sql", "--schema", "schema.sql", "--report", "html=."],
            "Cannot write .: Is a directory",
        ),
        (["up", "--schema", "schema.sql", "--output", "schema.sql/a"], "Cannot write schema.sql/a: "),
        (["doctor", "--output", "schema.sql/a"], "Cannot write schema.sql/a: "),
        (["mutate", "--schema", "schema.sql"], "Cannot write {cwd}/build/mutation.json: File exists"),
    ],
)
def test_what_cannot_be_judged_exits_2_with_a_sentence(
    tmp_path: Path, arguments: list[str], sentence: str, run: Run
) -> None:
    (tmp_path / "empty.sql").touch()
    (tmp_path / "build").touch()
    (tmp_path / "schema.sql").write_text("select 1;\n", encoding="utf-8")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert sentence.format(cwd=tmp_path) in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr


def test_project_without_a_file_yet_is_told_what_to_do_and_nothing_else(tmp_path: Path, run: Run) -> None:
    (tmp_path / "supabase" / "migrations").mkdir(parents=True)
    done = run("audit", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "There is no schema to look at.\n"
        f"{tmp_path} has no file in supabase/migrations, and no configuration that names a schema.\n"
        "To fix this, either\n"
        "  - name the folder of a project: --project PATH\n"
        "  - give one: --schema PATH\n"
        '  - add schema = ["schema.sql"] to pgassay.toml\n',
    )


@pytest.mark.parametrize(
    ("number", "way_out"),
    [
        (errno.ENOSPC, "make room there"),
        (errno.EROFS, "let this user write there"),
    ],
)
def test_full_and_read_only_disks_are_no_fault_of_ours(
    number: int, way_out: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> dict[str, Path]:
        raise OSError(number, os.strerror(number), "/data/x")

    monkeypatch.setattr(manual, "pages", fail)
    assert cli.main(["help"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"/data/x cannot be used: {os.strerror(number)}.\n")
    assert f"  - {way_out}\n" in told


def test_folder_as_a_report_is_no_matter_of_rights(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        check_writable(tmp_path)
    assert refused.value.fixes == ("name another file, where it is one that you named",)


@pytest.mark.parametrize("report", ["pdf=a", "html", "html="])
def test_report_that_is_no_format_and_path_is_refused(tmp_path: Path, report: str, run: Run) -> None:
    done = run("diff", "schema.sql", "--report", report, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{report!r} is not FORMAT=PATH, of the formats text, json, markdown, " in done.stderr


@pytest.mark.slow
def test_closed_input_is_refused_where_its_end_stops_the_server(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("select 1;\n", encoding="utf-8")
    command = [*PGASSAY, "up", "--schema", "schema.sql", "--format", "json", "--server", "/nonesuch"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Standard input is closed")


def test_defect_of_our_own_is_no_verdict_on_the_schema(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("pgassay.doctor.examine")
    done = run("doctor", cwd=tmp_path)
    assert done.returncode == 2
    assert "report it" in done.stderr.splitlines()[0]
    assert "NameError: name 'examine' is not defined" in done.stderr


@pytest.mark.parametrize(("signal_", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_signal_that_leaves_a_mess_is_no_defect_of_ours(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, signal_: BaseException, code: int
) -> None:
    def broken_off(*_: object) -> None:
        try:
            raise signal_
        finally:
            raise OSError("the connection has uncollected results")

    monkeypatch.setattr("pgassay.doctor.examine", broken_off)
    done = run("doctor", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (code, "")


def test_report_goes_to_the_file_and_the_summary_to_the_terminal(
    tmp_path: Path, server: Server, run: Run
) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("stop", ["SIGTERM", "end of input"])
def test_up_announces_a_superusers_database_and_leaves_nothing(tmp_path: Path, stop: str) -> None:
    (tmp_path / "schema.sql").write_text("create table a (id integer);\n", encoding="utf-8")
    command = [*PGASSAY, "up", "--schema", "schema.sql", "--format", "json", "--output", "new/up.json"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        line = json.loads(process.stdout.readline())
        assert json.loads((tmp_path / "new" / "up.json").read_text(encoding="utf-8")) == line
        assert set(line) == {"dsn", "socket", "database"}
        with psycopg.connect(line["dsn"]) as connection:
            assert connection.info.parameter_status("is_superuser") == "on"
            assert connection.info.dbname == line["database"]
            assert connection.execute("select to_regclass('a') is not null").fetchone() == (True,)
        if stop == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        else:
            process.stdin.close()
        assert process.wait(timeout=60) == 0
    assert not Path(line["socket"]).exists()


def test_signal_that_comes_before_the_wait_ends_it() -> None:
    """What comes between the last look for signals and the system call would be noticed by nobody."""
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with up.signals() as woken:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert select.select([woken], [], [], 30)[0] == [woken]
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.slow
def test_up_gives_a_person_the_owners_psql(tmp_path: Path, server: Server) -> None:
    """A superuser's would run the schema's operators and triggers with all rights."""
    (tmp_path / "schema.sql").write_text("create table a (id integer);\n", encoding="utf-8")
    command = [*PGASSAY, "up", "--schema", "schema.sql", "--server", server.url("postgres")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        psql = next(shlex.split(line) for line in process.stdout if line.startswith("  "))
        asked = [*psql, "-XAtc", "select to_regclass('a'), current_user, current_setting('is_superuser')"]
        try:
            answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        finally:
            process.terminate()
            process.stdout.read()
    assert (answer.stdout, answer.stderr) == (f"a|{choose_owner(server, 'postgres')}|off\n", "")


@pytest.mark.slow
def test_up_says_so_when_its_server_is_killed_while_it_announces(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table a (id integer);\n", encoding="utf-8")
    command = [*PGASSAY, "up", "--schema", "schema.sql", "--format", "json", "--output", "up.json"]
    command += ["--server", "embedded"]  # never one that somebody attached to
    reader, writer = full_pipe()
    with (
        os.fdopen(reader, encoding="utf-8") as stdout,
        subprocess.Popen(
            command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE
        ) as process,
    ):
        assert process.stderr
        os.close(writer)
        line = json.loads(eventually_read(tmp_path / "up.json"))
        with psycopg.connect(line["dsn"]) as connection:
            [(postmaster,)] = connection.execute(
                "select split_part(pg_read_file('postmaster.pid'), e'\\n', 1)::integer"
            ).fetchall()
            os.kill(postmaster, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("select pg_sleep(600)")
        assert stdout.read().lstrip("-") == json.dumps(line) + "\n"
        assert process.wait(timeout=60) == 2
        assert process.stderr.read().startswith(b"The PostgreSQL server went away in mid-run.")
    assert not Path(line["socket"]).exists()


def full_pipe() -> tuple[int, int]:
    """A pipe to which nothing can be written until somebody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while os.write(writer, b"-" * 4096):
            pass
    os.set_blocking(writer, True)
    return reader, writer


def eventually_read(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text(encoding="utf-8")) and time.monotonic() < deadline:
        time.sleep(0.01)
    return path.read_text(encoding="utf-8")


SLOW_TEST = """
import pathlib, time

def test_slow(session, clone):
    names = f"{session.value('select current_database()')} {clone.name}"
    pathlib.Path("names.tmp").write_text(names)
    pathlib.Path("names.tmp").rename("names")
    for _ in range(6000):
        time.sleep(0.01)
"""
# A signal that comes just before a system call that blocks is noticed by nobody until that ends.
DEAF_TEST = """
import pathlib, signal, time

def test_deaf(session, clone):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    names = f"{session.value('select current_database()')} {clone.name}"
    pathlib.Path("names.tmp").write_text(names)
    pathlib.Path("names.tmp").rename("names")
    signal.sigwait({signal.SIGINT})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    time.sleep(60)
"""


VERIFY = [*PGASSAY, "verify", "--only", "suites", "--schema", "schema.sql", "--jobs", "1", "--server"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "--pgassay-schema", "schema.sql", "--pgassay-server"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "test", "code"),
    [
        pytest.param(VERIFY, SLOW_TEST, 128 + signal.SIGTERM, id="verify"),
        pytest.param(VERIFY, DEAF_TEST, 128 + signal.SIGTERM, id="verify, first signal lost"),
        pytest.param(PYTEST, SLOW_TEST, 2, id="pytest"),
    ],
)
def test_terminated_run_leaves_no_database_and_no_file(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, command: list[str], test: str, code: int
) -> None:
    project, temporary = tmp_path / "project", tmp_path / "temporary"
    for folder in (project / "tests", temporary):
        folder.mkdir(parents=True)
    (project / "schema.sql").write_text("create table a (id integer);\n", encoding="utf-8")
    (project / "pyproject.toml").write_text('[tool.pgassay]\nsuites = ["tests"]\n', encoding="utf-8")
    (project / "tests" / "test_slow.py").write_text(test, encoding="utf-8")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:benchmark -p no:pytest_postgresql")
    in_background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    with subprocess.Popen([*in_background, *command, server.url("postgres")], cwd=project) as process:
        names = eventually_read(project / "names").split()
        assert list(temporary.iterdir()) == []
        process.terminate()
        assert process.wait(timeout=60) == code
    with psycopg.connect(server.conninfo("postgres")) as connection:
        left = connection.execute(
            "select datname from pg_database where datname = any(%s)", [names]
        ).fetchall()
    assert (len(names), left) == (2, [])


def test_doctor_names_the_server_and_pgtap(tmp_path: Path, run: Run) -> None:
    done = run("doctor", "--format", "json", cwd=tmp_path)
    document = json.loads(done.stdout)
    found = {check["name"]: check["found"] for check in document["checks"]}
    assert found["server"] is True
    assert done.returncode == (0 if document["can_judge"] else 2)


def test_doctor_tells_real_extensions_from_stand_ins_and_missing_ones(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGASSAY_FETCH", "never")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = run("doctor", "--format", "json", "--server", "embedded", cwd=tmp_path)
    (detail,) = (
        check["detail"] for check in json.loads(done.stdout)["checks"] if check["name"] == "extensions"
    )
    told = dict(line.split(": ", 1) for line in " ".join(detail.split("\n  ")).splitlines())
    groups = {name: set(told[name].replace(" ", "").split(",")) for name in ("real", "stand in", "missing")}
    assert {"vector", "moddatetime", "citext"} <= groups["real"]
    assert {"pg_net", "pgcrypto", "postgis", "supabase_vault"} <= groups["stand in"]
    assert {"postgis_raster", "pgrouting"} <= groups["missing"]
    assert told["pgcrypto and uuid-ossp stand in"] == "PGASSAY_FETCH=never forbids fetching it"
    assert told["pgrouting"].startswith("It is too large for a stand-in.")


def test_doctor_without_a_server_cannot_judge(tmp_path: Path, run: Run) -> None:
    done = run("doctor", "--server", "/nonesuch", cwd=tmp_path)
    assert done.returncode == 2
    assert "MISSING server" in done.stdout


def test_feature_that_is_gone_takes_its_options_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def names() -> tuple[str, bool]:
        parser = make_parser()
        with_migration = "migration" in parser.parse_args(["diff", "base.sql"])
        return parser.format_help(), with_migration

    told, extended = names()
    assert "races" in told and extended
    there = cli._is_there
    monkeypatch.setattr(
        cli, "_is_there", lambda name: not name.startswith(("races.", "migration.")) and there(name)
    )
    gone, extended = names()
    assert "races" not in gone and not extended


def test_command_is_made_without_the_others() -> None:
    parser = make_parser("up")
    assert parser.parse_args(["up"]).run
    with pytest.raises(SystemExit):
        parser.parse_args(["audit"])


def test_every_command_is_made_by_its_own_name() -> None:
    made = {name: make_parser(name).format_help() for name in cli._MODULES}
    assert [name for name, told in made.items() if f"    {name} " not in told] == []


def test_report_for_which_there_is_no_room_leaves_no_part_of_itself(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ConfigError, match=r"Cannot write .*: File too large"):
            write_report(path, "x" * 8192)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not path.exists()
