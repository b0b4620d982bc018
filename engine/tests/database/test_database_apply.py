"""Applying SQL files: what a broken schema gets to hear, from a real server."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from pgassay.database import Database, Notice, Script, apply_script, clone
from pgassay.database.apply import apply_scripts, connect
from pgassay.errors import CannotJudgeError, ExitCode, PgassayError, Place, SchemaError, ServerError
from pgassay.server import Server, open_server

FILE = Path("schema.sql")


@pytest.fixture
def database(server: Server, blank: str, owner: str) -> Iterator[Database]:
    with clone(server, blank, owner=owner) as made:
        yield made


def apply(database: Database, text: str, *, timeout: float = 60) -> tuple[Notice, ...]:
    conninfo = database.conninfo()
    return apply_script(conninfo, Script(path=FILE, text=text), timeout_seconds=timeout)


def failure(database: Database, text: str, *, timeout: float = 60) -> SchemaError:
    with pytest.raises(SchemaError) as caught:
        apply(database, text, timeout=timeout)
    assert caught.value.exit_code == ExitCode.SCHEMA_PROBLEM
    return caught.value


def tables(database: Database) -> list[str]:
    with closing(database.connect()) as connection:
        rows = connection.execute(
            "select tablename from pg_tables where schemaname = 'public' order by 1"
        ).fetchall()
    return [name for (name,) in rows]


def test_syntax_error_has_place_line_and_caret_behind_multibyte_characters(database: Database) -> None:
    error = failure(database, "-- ünïcödé 🐘\nselect 1;\ncreate table é (x int,\n  ÿ itn nt);\n")
    assert str(error) == (
        'schema.sql:4:9: syntax error at or near "nt"\n'
        "     4 |   ÿ itn nt);\n       |         ^\nSQLSTATE: 42601"
    )
    assert (error.place, error.sqlstate) == (Place(file=FILE, line=4, column=9), "42601")


def test_position_inside_a_later_statement_is_a_place_in_the_file(database: Database) -> None:
    error = failure(database, "select 'é';\n/* é */ select 'é',\n  nope('é');")
    assert str(error).startswith("schema.sql:3:3: function nope(unknown) does not exist\n")
    assert "\nHint: No function matches" in str(error)
    assert max(map(len, str(error).splitlines())) <= 100


def test_error_in_a_plpgsql_body_points_into_the_body(database: Database) -> None:
    text = "create function f() returns int language plpgsql as $$\nbegin\n  retrn 1;\nend $$;"
    assert failure(database, text).place == Place(file=FILE, line=3, column=3)


def test_failing_statement_is_named_and_nothing_before_it_is_kept(database: Database) -> None:
    error = failure(
        database, "create table kept (x int);\n\n-- c\ninsert into kept\n  values (1 / 0);\nselect 1;"
    )
    assert str(error) == "schema.sql:4:1: division by zero\n     4 | insert into kept\nSQLSTATE: 22012"
    assert tables(database) == []


def test_context_and_detail_are_told(database: Database) -> None:
    error = failure(
        database,
        "do $$ begin\n raise 'no %', 'way' using detail = 'd', hint = 'h', errcode = 'PT402'; end $$",
    )
    assert str(error).splitlines()[0] == "schema.sql:1:1: no way"
    assert "\nDetail: d\nHint: h\nContext: PL/pgSQL function inline_code_block line 2 at RAISE" in str(error)
    assert error.sqlstate == "PT402"


def test_deferred_constraint_fails_at_the_end_of_the_file(database: Database) -> None:
    table = "create table t (x int primary key, y int references t deferrable initially deferred)"
    text = f"{table};\ninsert into t values (1, 2);"
    error = failure(database, text)
    assert (error.sqlstate, error.place) == ("23503", Place(file=FILE, line=2, column=1))
    assert tables(database) == []


def test_percent_signs_are_sent_as_they_are(database: Database) -> None:
    apply(database, "do $$ begin if 5 % 3 <> 2 or '%s' not like '\\%s' then raise 'changed'; end if; end $$")


def test_statements_that_cannot_run_in_a_transaction_are_applied_where_none_was_begun(
    database: Database,
) -> None:
    apply(database, "create table t (x int);")
    apply(database, "create index concurrently i on t (x);")
    apply(database, "vacuum t;")
    with closing(database.connect()) as connection:
        assert connection.execute("select to_regclass('i') is not null").fetchone() == (True,)


@pytest.mark.parametrize("first", ["create table u (x int)", "create index concurrently i on t (x)"])
def test_statement_that_cannot_run_in_a_transaction_fails_behind_others(
    database: Database, first: str
) -> None:
    apply(database, "create table t (x int);")
    error = failure(database, f"{first};\ncreate index concurrently j on t (x);")
    assert (error.sqlstate, error.place) == ("25001", Place(file=FILE, line=2, column=1))
    assert error.fixes == ("make it the only statement of a file",)
    assert tables(database) == ["t"]


def test_block_may_commit_where_it_stands_first(database: Database) -> None:
    block = "do $$ begin create table t (x int); commit; end $$;"
    apply(database, block)
    assert tables(database) == ["t"]
    if database.server.version < 180000:
        return  # older servers commit in the middle of a pipeline
    error = failure(database, "drop table t;\ndo $$ begin commit; end $$;")
    assert (error.sqlstate, tables(database)) == ("2D000", ["t"])


def test_value_of_an_enum_is_not_used_in_the_file_that_adds_it(database: Database) -> None:
    apply(database, "create type e as enum ('a');")
    add = "alter type e add value 'b';\n"
    use = "create table t (e e default 'b');"
    assert failure(database, add + use).sqlstate == "55P04"
    apply(database, add)
    apply(database, use)
    assert tables(database) == ["t"]


def test_settings_of_one_file_are_gone_in_the_next(database: Database) -> None:
    texts = ("select set_config('search_path', '', false);", "create table t (x int);")
    scripts = [Script(path=FILE, text=text) for text in texts]
    apply_scripts(database.conninfo(), scripts, timeout_seconds=60)
    assert tables(database) == ["t"]


def test_syntax_newer_than_the_parser_is_left_to_the_server(database: Database) -> None:
    if database.server.version < 180000:
        pytest.skip("PostgreSQL 18 brought virtual columns")
    apply(database, "create table t (x int, y int generated always as (x + 1) virtual);\ncreate table u ();")
    assert tables(database) == ["t", "u"]


def test_transaction_commands_of_the_file_are_its_own(database: Database) -> None:
    error = failure(
        database, "begin;\ncreate table a (x int);\ncommit;\nbegin;\ncreate table b (x int);\nselect 1 / 0;"
    )
    assert error.place == Place(file=FILE, line=6, column=1)
    assert tables(database) == ["a"]


def test_file_that_never_commits_is_an_error(database: Database) -> None:
    error = failure(database, "begin;\ncreate table t (x int);")
    assert error.what == "schema.sql:2:1: the file ends inside a transaction that it began."
    assert tables(database) == []


def test_notices_come_back_with_their_places(database: Database) -> None:
    assert apply(database, "select 1;\ndo $$ begin raise warning 'careful'; end $$;") == (
        Notice(place=Place(file=FILE, line=2, column=1), severity="WARNING", message="careful"),
    )


@pytest.mark.parametrize(
    "prelude",
    ["", "grant pg_execute_server_program to current_user;", "reset role; reset session authorization;"],
)
def test_copy_to_program_is_refused_and_runs_nothing(
    database: Database, tmp_path: Path, prelude: str
) -> None:
    tmp_path.chmod(0o777)
    trace = tmp_path / "trace"
    error = failure(database, f"{prelude}\ncopy (select 1) to program 'touch {trace}';")
    assert error.sqlstate == "42501"
    assert f'applied by the role "{database.owner}", no superuser, as on Supabase.' in error.why
    assert len(error.fixes) == 2
    assert not trace.exists()


def test_missing_extension_is_no_fault_of_the_schema(database: Database) -> None:
    with pytest.raises(CannotJudgeError) as caught:
        apply(database, "select 1;\ncreate extension no_such_extension;")
    error = caught.value
    assert error.exit_code is ExitCode.CANNOT_JUDGE
    assert error.what == 'schema.sql:2:1: extension "no_such_extension" is not available'
    assert "This server does not have it, and no stand-in of pgassay does" in error.why
    assert (
        error.fixes[0] == "run on one that has it: --server or PGASSAY_SERVER with a bin directory or a URL"
    )


def test_server_without_xml_is_not_the_schemas_fault(database: Database) -> None:
    with closing(database.connect(autocommit=True)) as connection:
        try:
            connection.execute("select '<a/>'::xml")
        except psycopg.errors.FeatureNotSupported:
            with pytest.raises(ServerError, match=r"schema\.sql:2:8: this PostgreSQL was built without XML"):
                apply(database, "select 1;\nselect '<a/>'::xml")
        else:
            apply(database, "select '<a/>'::xml")


def test_unsupported_feature_is_not_mistaken_for_an_extension(database: Database) -> None:
    error = failure(database, "select distinct 1 from pg_class for update")
    assert error.sqlstate == "0A000"
    assert "extension" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "select 1;\nselect pg_sleep(60);",
        "set statement_timeout = 0;\nselect pg_sleep(60);",
        "set statement_timeout = 0;\ndo $$ begin loop begin perform pg_sleep(60);"
        " exception when query_canceled then null; end; end loop; end $$;",
    ],
    ids=["plain", "disables the timeout", "catches the cancellation"],
)
def test_endless_statement_is_stopped_and_named(database: Database, text: str) -> None:
    # Ever more time: a busy machine may need some for the first line.
    errors = ((limit, failure(database, text, timeout=limit)) for limit in (0.2, 2.0, 20.0))
    limit, error = next((limit, error) for limit, error in errors if error.place and error.place.line == 2)
    assert error.what == f"schema.sql:2:1: this statement was stopped after {limit:g} s."
    assert error.why == f"     2 | {text.splitlines()[1][:80]}".rstrip()
    assert (error.fixes[1], error.sqlstate) == (
        "raise statement_timeout in pgassay.toml or [tool.pgassay]",
        "57014",
    )


def test_timeout_that_the_file_set_itself_is_its_own_error(database: Database) -> None:
    error = failure(database, "set statement_timeout = '20ms';\nselect pg_sleep(60);")
    assert error.what == "schema.sql:2:1: canceling statement due to statement timeout"


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ("select pg_terminate_backend(pg_backend_pid());", "57P01"),
        ("do $$ begin raise 'full' using errcode = '53100'; end $$;", "53100"),
        ("do $$ begin raise 'gone' using errcode = '57P01'; end $$;", "57P01"),
        ("do $$ begin raise 'broken' using errcode = '58030'; end $$;", "58030"),
    ],
)
def test_schema_cannot_pass_its_fault_on_to_the_server(database: Database, text: str, sqlstate: str) -> None:
    error = failure(database, f"select 1;\n{text}")
    assert (error.place, error.sqlstate) == (Place(file=FILE, line=2, column=1), sqlstate)


def test_session_that_ends_itself_at_the_end_of_the_file_is_the_schemas_fault(database: Database) -> None:
    error = failure(
        database,
        """create table t (x int);
        create function f() returns trigger language plpgsql
        as $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
        create constraint trigger t after insert on t initially deferred for each row execute function f();
insert into t values (1)""",
    )
    assert (error.place, error.sqlstate) == (Place(file=FILE, line=5, column=1), "57P01")


def test_server_killed_in_mid_statement_is_exit_2() -> None:
    with open_server("embedded") as own:
        conninfo = own.conninfo(own.maintenance)
        killer = threading.Thread(target=_kill_when_asleep, args=(conninfo,))
        killer.start()
        with pytest.raises(PgassayError) as caught:
            apply_script(conninfo, Script(path=FILE, text="select pg_sleep(600)"), timeout_seconds=60)
        killer.join()
    assert isinstance(caught.value, ServerError)
    assert caught.value.what == "The PostgreSQL server failed during the statement at schema.sql:1:1."


def _kill_when_asleep(conninfo: str) -> None:
    with closing(connect(conninfo)) as connection:
        [(directory,)] = connection.execute("show data_directory").fetchall()
        deadline = time.monotonic() + 60
        asleep = "select from pg_stat_activity where wait_event = 'PgSleep'"
        while connection.execute(asleep).fetchone() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    os.kill(int(Path(directory, "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)


def test_no_server_is_exit_2(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match="Cannot connect to PostgreSQL") as caught:
        apply_script(f"host='{tmp_path}'", Script(path=FILE, text="select 1"), timeout_seconds=1)
    assert caught.value.exit_code == ExitCode.CANNOT_JUDGE


ALTER = "alter database %I set datestyle to 'German'"


def test_database_that_a_block_names_is_the_one_that_is_being_built(database: Database) -> None:
    with pytest.raises(CannotJudgeError, match="cannot change the database postgres inside of blocks"):
        apply(database, f"do $$ begin execute format($a${ALTER}$a$, 'postgres'); end $$;")
    asked = f"do $$ begin execute format($a${ALTER}$a$, current_database()); end $$;"
    assert apply(database, asked) == ()
