"""A pgTAP file runs as `pg_prove` runs it, in a clean environment, and never forever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgassay.errors import ServerError
from pgassay.pgtap.run import find_psql, run_file
from tests.pgtap.pgtap_support import PgtapServer

pytest_plugins = ["tests.pgtap.pgtap_support"]


# Seconds for psql, ever more of them: a busy machine may need some before it comes to what has no end.
LIMITS = (0.3, 3.0, 30.0)


def write(directory: Path, text: str) -> Path:
    file = directory / "a file's name.sql"
    file.write_text(text, encoding="utf-8")
    return file


def test_callers_environment_does_not_reach_psql(
    pgtap_server: PgtapServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".psqlrc").write_text("\\echo from psqlrc\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGUSER", "nobody_at_all")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=pg_catalog")
    monkeypatch.setenv("PGSERVICE", "none_such")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    file = write(
        tmp_path, "select plan(1); select is(current_setting('client_encoding'), 'UTF8', current_user::text);"
    )
    (assertion,) = run_file(file, pgtap_server.database()).assertions
    assert (assertion.ok, assertion.description) == (True, pgtap_server.server.user)


def test_options_of_the_connection_are_kept(pgtap_server: PgtapServer, tmp_path: Path) -> None:
    database = pgtap_server.database()
    conninfo = psycopg.conninfo.make_conninfo(database.conninfo, options="-c work_mem=1234kB")
    file = write(tmp_path, "select plan(1); select is(current_setting('work_mem'), '1234kB');")
    assert run_file(file, replace(database, conninfo=conninfo)).passed


def test_password_reaches_psql_but_no_command_line(pgtap_server: PgtapServer, tmp_path: Path) -> None:
    database = pgtap_server.database()
    conninfo = psycopg.conninfo.make_conninfo(database.conninfo, password="s3cret word")
    password = "\\! printf '1..2\\nok 1 - %s\\n' \"$PGPASSWORD\"\n"
    arguments = "\\! printf 'ok 2 - '; tr '\\000' ' ' < /proc/$PPID/cmdline; echo\n"
    verdict = run_file(write(tmp_path, password + arguments), replace(database, conninfo=conninfo))
    given, command_line = (assertion.description for assertion in verdict.assertions)
    assert given == "s3cret word"
    assert "--no-psqlrc" in command_line
    assert "s3cret" not in command_line


def test_endless_statement_is_cancelled_and_named(pgtap_server: PgtapServer, tmp_path: Path) -> None:
    file = write(tmp_path, "select '1..1';\nselect 'ok 1';\nselect pg_sleep(3600), 'endless_one';\n")
    runs = ((limit, run_file(file, pgtap_server.database(timeout=limit))) for limit in LIMITS)
    limit, verdict = next((limit, verdict) for limit, verdict in runs if verdict.assertions)
    assert verdict.problems == (f"psql did not finish within {limit:g} s and was stopped",)
    assert f"{file}:3: ERROR:  canceling statement due to user request" in verdict.stderr
    with psycopg.connect(pgtap_server.database().conninfo) as connection:
        left = connection.execute(
            "select count(*) from pg_stat_activity"
            " where query like '%endless_one%' and state = 'active' and pid <> pg_backend_pid()"
        ).fetchone()
    assert left == (0,)


def test_psql_that_ignores_the_interrupt_is_killed_with_its_children(
    pgtap_embedded: PgtapServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgassay.pgtap.run._SECONDS_TO_CANCEL", 0.2)
    deaf = tmp_path / "deaf"
    file = write(tmp_path, f"\\! trap '' INT; touch '{deaf}'; sleep 3600\n")
    runs = ((limit, run_file(file, pgtap_embedded.database(timeout=limit))) for limit in LIMITS)
    limit, verdict = next((limit, verdict) for limit, verdict in runs if deaf.exists())
    assert verdict.problems == (
        "No plan found in TAP output",
        f"psql did not finish within {limit:g} s and was stopped",
    )


def test_included_file_is_found_next_to_its_test(pgtap_server: PgtapServer, tmp_path: Path) -> None:
    (tmp_path / "included.sql").write_text("select ok(true, 'included');\n", encoding="utf-8")
    file = write(tmp_path, "select plan(1);\n\\ir included.sql\n")
    assert [a.description for a in run_file(file, pgtap_server.database()).assertions] == ["included"]


def test_unreachable_server_fails_the_file_and_says_so(pgtap_embedded: PgtapServer, tmp_path: Path) -> None:
    gone = replace(pgtap_embedded.database(), conninfo=f"host='{tmp_path}' user=nobody dbname=none")
    verdict = run_file(write(tmp_path, "select 1;"), gone)
    assert verdict.problems == ("No plan found in TAP output", "psql exited with status 2")
    assert "No such file or directory" in verdict.stderr


def test_missing_psql_is_a_server_error(pgtap_embedded: PgtapServer, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"Cannot start .*No such file"):
        run_file(write(tmp_path, ""), replace(pgtap_embedded.database(), psql=tmp_path / "psql"))


def test_psql_of_the_server_comes_first(pgtap_embedded: PgtapServer) -> None:
    bin_dir = pgtap_embedded.server.bin_dir
    assert bin_dir is not None
    assert find_psql(bin_dir) == bin_dir / "psql"


def test_attached_server_is_served_by_the_embedded_psql(pgtap_embedded: PgtapServer) -> None:
    assert pgtap_embedded.server.bin_dir is not None
    assert find_psql(None, environ={"PATH": ""}).samefile(pgtap_embedded.server.bin_dir / "psql")


def test_server_without_clients_is_served_by_another_psql(
    pgtap_embedded: PgtapServer, tmp_path: Path
) -> None:
    assert pgtap_embedded.server.bin_dir is not None
    assert find_psql(tmp_path, environ={"PATH": ""}).samefile(pgtap_embedded.server.bin_dir / "psql")


def test_no_psql_names_the_places_and_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgassay.server.binaries.find_spec", lambda _: None)
    with pytest.raises(ServerError) as caught:
        find_psql(tmp_path, environ={"PATH": str(tmp_path / "bin")})
    assert str(caught.value) == (
        "Found no psql to run the pgTAP files with.\n"
        f"Looked in: {tmp_path}, {tmp_path / 'bin'}\n"
        "To fix this, either\n"
        "  - install PostgreSQL's client (Debian: postgresql-client) so that psql is on PATH\n"
        "  - use the embedded server, which brings its own: --pgassay-server embedded"
    )
