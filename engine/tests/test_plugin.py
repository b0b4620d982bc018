"""The pytest plugin in projects of its own: what a test gets, and what a run answers.

One run is a process of its own, as every run of a user's is; the others save the start of one.
"""

from __future__ import annotations

import json

import pytest

from pgassay.server import RUNNING_SERVER, Server

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

# Half a second of each start goes to plugins that these projects do not use.
QUICK = "-p no:hypothesispytest -p no:benchmark -p no:pytest_postgresql"

CONFIG = """
[tool.pgassay]
schema = "schema.sql"
pgtap = ["tap"]
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, server: Server) -> pytest.Pytester:
    """A project whose tests run on the outer run's server, which saves the time of a start."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", QUICK)
    monkeypatch.setenv(RUNNING_SERVER, json.dumps(server.to_json()))
    pytester.makefile(".toml", pyproject=CONFIG)
    pytester.makefile(".sql", schema="create table notes (id integer primary key);")
    pytester.mkdir("tap")
    return pytester


def test_session_is_rolled_back_and_clone_is_its_own(project: pytest.Pytester) -> None:
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("attempt", [1, 2])
        def test_insert(session, attempt):
            session.execute("insert into notes values (1)")
            assert session.value("select count(*) from notes") == 1

        @pytest.mark.parametrize("attempt", [1, 2])
        def test_commit(clone, attempt):
            with clone.connect() as connection:
                connection.execute("insert into notes values (1)")
            with clone.connect() as connection:
                assert connection.execute("select count(*) from notes").fetchone() == (1,)

        def test_session_is_no_superuser(session):
            assert session.value("select rolsuper from pg_roles where rolname = session_user") is False
    """)
    project.runpytest_subprocess().assert_outcomes(passed=5)


def test_workers_share_the_controllers_server(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUNNING_SERVER)
    project.makepyfile("""
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_server(workbench, n):
            with open("servers.txt", "a") as out:
                out.write(workbench.server.host + "\\n")
    """)
    project.runpytest_inprocess("-n", "2").assert_outcomes(passed=4)
    servers = (project.path / "servers.txt").read_text().splitlines()
    assert len(servers) == 4
    assert len(set(servers)) == 1


def test_killed_server_is_no_verdict_on_the_schema(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUNNING_SERVER)
    monkeypatch.setenv("PGASSAY_SERVER", "embedded")
    project.makepyfile("""
        import os, psycopg, signal

        def test_kill(workbench):
            server = workbench.server
            with psycopg.connect(server.conninfo(server.maintenance)) as connection:
                query = "select split_part(pg_read_file('postmaster.pid'), e'\\\\n', 1)::integer"
                os.kill(connection.execute(query).fetchone()[0], signal.SIGKILL)

        def test_after(session):
            assert session.value("select 1") == 1
    """)
    result = project.runpytest_inprocess()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*pgassay: not judged*"])


@pytest.mark.parametrize("option", ["--pgassay-report", "--pgassay-coverage"])
def test_report_that_cannot_be_written_is_refused_before_the_tests(
    project: pytest.Pytester, option: str
) -> None:
    project.makepyfile("def test_nothing(): pass")
    result = project.runpytest_inprocess(option, ".")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*Cannot write .: Is a directory"])


def test_schema_given_on_the_command_line_replaces_the_configured_one(project: pytest.Pytester) -> None:
    project.makefile(".sql", other="create table others (id integer);")
    project.makepyfile("""
        def test_other(session):
            assert session.value("select to_regclass('others') is not null and to_regclass('notes') is null")
    """)
    project.runpytest_inprocess("--pgassay-schema", "other.sql").assert_outcomes(passed=1)
    project.runpytest_inprocess().assert_outcomes(failed=1)


def test_schema_that_does_not_load_fails_tests_with_its_place(project: pytest.Pytester) -> None:
    project.makefile(".sql", schema="create table notes (id integer);\nselect 1/0;")
    project.makepyfile("def test_any(session):\n    pass\n")
    result = project.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*schema.sql:2:1: division by zero*"])


def test_bad_configuration_is_a_usage_error(project: pytest.Pytester) -> None:
    project.makefile(".toml", pyproject="[tool.pgassay]\nschemas = 1\n")
    project.makepyfile("def test_any():\n    pass\n")
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*tool.pgassay* of *: unknown key schemas*"])


def test_failure_for_want_of_a_database_is_no_verdict_on_the_schema(project: pytest.Pytester) -> None:
    project.makepyfile("def test_any(session):\n    pass\n")
    result = project.runpytest_inprocess("-n", "1", "--pgassay-schema", "nonesuch.sql")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*pgassay: not judged*", "There is no file */nonesuch.sql."])


def test_run_in_which_every_test_is_skipped_proves_nothing(project: pytest.Pytester) -> None:
    project.makepyfile("import pytest\n@pytest.mark.skip\ndef test_any():\n    pass\n")
    result = project.runpytest_inprocess()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*pgassay: not judged*", "No test ran that passed or failed*"])


def test_project_without_a_schema_gets_no_server_and_keeps_its_exit_codes(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUNNING_SERVER)
    monkeypatch.setenv("PGASSAY_SERVER", "/nonesuch")
    project.makefile(".toml", pyproject="")
    project.makepyfile("def test_any():\n    pass\n")
    result = project.runpytest_inprocess("-n", "1", "-k", "nothing")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_sql_files_outside_the_pgtap_folders_are_left_alone(project: pytest.Pytester) -> None:
    (project.path / "tap" / "one.sql").write_text("begin; select plan(1); select ok(true, 'one'); rollback;")
    result = project.runpytest_inprocess("--collect-only", "-q")
    result.stdout.fnmatch_lines(["tap/one.sql::pgtap"])
    result.stdout.no_fnmatch_line("*schema.sql*")
    assert result.ret == pytest.ExitCode.OK
