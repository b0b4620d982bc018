"""Commands in a Supabase project without a word of configuration, on a server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgassay.server import ATTACHED, Server
from tests.project.project_support import NOTES, WORLD, commit_all, git, put

Run = Callable[..., subprocess.CompletedProcess[str]]
OPEN = "create policy everybody on public.notes for select using (true);\n"
MINE = "create policy mine on public.notes as restrictive using (user_id = (select auth.uid()));\n"


@pytest.fixture
def attach(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))


def migration(root: Path, name: str, text: str | bytes) -> None:
    put(root / "supabase/config.toml", "[api]\nauto_expose_new_tables = true\n")
    path = put(root / "supabase/migrations" / name, "")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.usefixtures("attach")
def test_matrix_needs_no_configuration(tmp_path: Path, run: Run) -> None:
    migration(tmp_path, "1_a.sql", NOTES)
    migration(tmp_path, "2_empty.sql", "")
    migration(tmp_path, "3_comment.sql", "-- nothing\n")
    migration(tmp_path, "old.sql", "drop table public.notes;")
    put(tmp_path / "supabase/seed.sql", WORLD)
    done = run("matrix", "--cells", cwd=tmp_path / "supabase")
    assert done.returncode == 0
    assert "alice  public.notes  select  id  another's  filtered" in done.stdout.splitlines()
    assert "alice  public.notes  select  id  own  allowed" in done.stdout.splitlines()
    assert done.stderr == (
        "note: Skipped old.sql: its name is not <number>_name.sql, and so it is no migration.\n"
    )


@pytest.mark.usefixtures("attach")
@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (b"\xef\xbb\xbfcreate table a (i int);", 1, "1_a.sql:1:1: the file begins with a byte order mark"),
        (
            b"create table a (i int);\r\ncreate tabel b (i int);\r\n",
            1,
            "1_a.sql:2:8: syntax error at or near",
        ),
        (b"create table a (i int);\ncopy a from stdin;\n1\n\\.\n", 1, "1_a.sql:2:1: COPY from STDIN"),
        (b"\\restrict x\ncreate table a (i int);\n", 1, "1_a.sql:1:1: \\restrict is a command of psql"),
        ("create table a (i int);".encode("utf-16"), 2, "1_a.sql is UTF-16, not UTF-8."),
        (b"-- only this\n", 2, "1_a.sql: no SQL statement is in there."),
        (
            b"alter database postgres set my.setting to '1';",
            1,
            '1_a.sql:1:1: permission denied to set parameter "my.setting"',
        ),
    ],
)
def test_file_is_refused_as_db_push_would(
    tmp_path: Path, run: Run, text: bytes, code: int, sentence: str
) -> None:
    migration(tmp_path, "1_a.sql", text)
    done = run("matrix", cwd=tmp_path)
    assert done.returncode == code
    assert sentence in done.stderr.splitlines()[0]
    assert done.stdout == ""


@pytest.mark.usefixtures("attach")
@pytest.mark.parametrize(
    "texts",
    [
        ["do $$ begin create table public.a (i int); commit; end $$;"],
        ["create table public.a (i int);", "create index concurrently x on public.a (i);"],
        ["select set_config('search_path', '', false);", "create table a (i int);"],
        ["begin;\ncreate table public.a (i int);\ncommit;"],
        [
            "create table public.a (i int);",
            "alter database postgres set timezone to 'UTC';\n"
            'grant connect on database "postgres" to anon;\n'
            "comment on database postgres is 'é';",
        ],
    ],
)
def test_files_load_as_db_push_loads_them(tmp_path: Path, run: Run, texts: list[str]) -> None:
    for number, text in enumerate(texts, start=1):
        migration(tmp_path, f"{number}_a.sql", text)
    done = run("matrix", "--cells", tmp_path, cwd=Path("/"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "alice  public.a  select  i  public  allowed" in done.stdout.splitlines()


@pytest.mark.usefixtures("attach")
def test_policy_whose_file_was_deleted_is_a_gain_between_folders(tmp_path: Path, run: Run) -> None:
    for side in ("base", "head"):
        migration(tmp_path / side, "1_a.sql", NOTES)
        migration(tmp_path / side, "3_c.sql", OPEN)
    migration(tmp_path / "base", "2_b.sql", MINE)
    world = put(tmp_path / "world.sql", WORLD)
    done = run("diff", "base", "head", "--world", world, cwd=tmp_path)
    assert done.returncode == 1
    # The owner may be null, so that there is a row of nobody, too: it was hidden, and is no longer.
    told = " ".join(done.stdout.split())
    gained = "gained: alice, anon and bob can now SELECT {} rows of public.notes (was: filtered)"
    assert [told.count(gained.format(whose)) for whose in ("other people's", "nobody's")] == [1, 1]
    assert "base → head: 2 gained, 0 lost, 0 changed" in told
    back = run("diff", "head", "base", "--world", world, "--search", "0", cwd=tmp_path)
    assert "head → base: 0 gained, 2 lost, 0 changed" in back.stdout


def test_broken_settings_exit_2_before_any_server(tmp_path: Path, run: Run) -> None:
    migration(tmp_path, "1_a.sql", NOTES)
    put(tmp_path / "supabase/config.toml", "[api\n")
    done = run("verify", "--server", "/nonesuch", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].endswith("(at line 1, column 5)")


@pytest.mark.usefixtures("attach")
def test_pgtap_files_of_a_project_share_a_database_and_find_their_helpers(
    tmp_path: Path, run: Run, server: Server
) -> None:
    if server.origin == ATTACHED:
        pytest.skip("a server that somebody else runs has its own extensions only")
    migration(tmp_path, "1_a.sql", NOTES)
    tests = tmp_path / "supabase/tests/database"
    put(
        tests / "000-hooks.sql",
        "create extension if not exists pgtap with schema extensions;\n"
        "create extension \"basejump-supabase_test_helpers\" version '0.0.6';\n"
        "begin; select plan(1); select tests.rls_enabled('public'); rollback;\n",
    )
    put(
        tests / "010-own.pg",
        "begin; select plan(2); select tests.create_supabase_user('ann');\n"
        "insert into public.notes values (1, tests.get_supabase_uid('ann'));\n"
        "select tests.authenticate_as('ann'); select results_eq('select id from public.notes', array[1]);\n"
        "select tests.clear_authentication(); select is_empty('select id from public.notes');\n"
        "select * from finish(); rollback;\n",
    )
    put(tests / "020-wrong.sql", "select plan(1); select is(current_user, 'nobody');\n")
    done = run("verify", "--only", "suites", "--jobs", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert "pgtap 3 passed 1 failed" in done.stdout
    assert "\nsupabase/tests/database/020-wrong.sql  FAILED\n" in done.stdout


def name_hook(root: Path) -> None:
    """public.hook is to shape the tokens of the project."""
    config = root / "supabase/config.toml"
    uri = "pg-functions://postgres/public/hook"
    put(config, f'{config.read_text()}[auth.hook.custom_access_token]\nenabled = true\nuri = "{uri}"\n')


@pytest.mark.usefixtures("attach")
@pytest.mark.parametrize("failure", ["raise exception 'closed' using errcode = 'PT503'", "perform 1 / 0"])
def test_persona_whose_requests_a_hook_refuses_is_denied_everything(
    tmp_path: Path, run: Run, failure: str
) -> None:
    hook = (
        "create function public.hook(event jsonb) returns jsonb language plpgsql as $$\n"
        f"begin if event ->> 'user_id' like 'a11ce%' then {failure}; end if; return event; end $$;\n"
        "revoke execute on function public.hook(jsonb) from public, anon, authenticated;\n"
        "grant execute on function public.hook(jsonb) to supabase_auth_admin;\n"
    )
    migration(tmp_path, "1_a.sql", NOTES + hook + "create function public.f() returns int return 1;\n")
    name_hook(tmp_path)
    put(tmp_path / "supabase/seed.sql", WORLD)
    done = run("matrix", "--cells", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    cells = [line.split("  ") for line in done.stdout.splitlines()]
    alice = {cell[-1] for cell in cells if cell[0] == "alice" and len(cell) == 6}
    assert len(alice) == 1 and next(iter(alice)).startswith("denied")
    assert ["bob", "public.notes", "select", "id", "own", "allowed"] in cells
    assert ["bob", "public.f()", "execute", "-", "-", "allowed"] in cells


@pytest.mark.usefixtures("attach")
def test_hook_that_is_not_there_is_told_and_shapes_no_token(tmp_path: Path, run: Run) -> None:
    other = "create schema app; create function app.hook(event jsonb) returns jsonb return event;\n"
    migration(tmp_path, "1_a.sql", NOTES + other)
    name_hook(tmp_path)
    put(tmp_path / "supabase/seed.sql", WORLD)
    done = run("matrix", "--cells", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("note: The hook for access tokens is public.hook, which the files do not")
    assert "alice  public.notes  select  id  own  allowed" in done.stdout.splitlines()


@pytest.mark.usefixtures("attach")
def test_project_with_an_event_trigger_is_judged(tmp_path: Path, run: Run) -> None:
    trigger = (
        "create function public.secure() returns event_trigger language plpgsql as $$\n"
        "declare one record; begin\n"
        "for one in select * from pg_event_trigger_ddl_commands() where object_type = 'table' loop\n"
        "execute format('alter table %s enable row level security', one.object_identity); end loop; end $$;\n"
        "create event trigger secure on ddl_command_end when tag in ('CREATE TABLE')\n"
        "execute function public.secure();\n"
    )
    migration(tmp_path, "1_a.sql", trigger)
    migration(tmp_path, "2_b.sql", NOTES.replace("alter table public.notes enable row level security;\n", ""))
    put(tmp_path / "supabase/seed.sql", WORLD)
    done = run("matrix", "--cells", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "alice  public.notes  select  id  another's  filtered" in done.stdout.splitlines()


@pytest.mark.usefixtures("attach")
def test_base_that_has_no_project_yet_is_nothing_and_every_note_is_told_once(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "README.md", "hello")
    commit_all(tmp_path, monkeypatch)
    migration(tmp_path, "1_a.sql", NOTES)
    put(tmp_path / "supabase/config.toml", "")
    world = put(tmp_path / "world.sql", WORLD)
    done = run("diff", "HEAD", "--world", world, cwd=tmp_path)
    assert done.returncode == 1
    assert "added: relation public.notes" in done.stdout
    assert "HEAD has no schema yet: everything in the working tree is new." in done.stdout
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "project")
    back = run("diff", "HEAD", "HEAD~1", "--world", world, "--format", "json", cwd=tmp_path)
    notes = json.loads(back.stdout)["notes"]
    assert notes[0] == "HEAD~1 has no schema: everything in HEAD is gone."
    assert [note.split(":")[0] for note in notes[1:]] == [
        "Nobody said whether API roles are given the new tables of public",
        "HEAD has no world",
    ]
    assert "auto_expose_new_tables" not in back.stderr
    assert json.loads(back.stdout)["lost"]
    both = run("diff", "HEAD", "--world", world, "--search", "0", cwd=tmp_path)
    told = both.stdout + both.stderr
    assert (both.returncode, told.count("auto_expose_new_tables")) == (0, 1)


@pytest.mark.usefixtures("attach")
def test_notes_are_told_where_the_difference_is_not_shown(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration(tmp_path, "1_a.sql", NOTES)
    commit_all(tmp_path, monkeypatch)
    migration(tmp_path, "2_b.sql", "select 1 / 0;")
    migration(tmp_path, "old.sql", "")
    done = run("diff", "HEAD", cwd=tmp_path)
    assert done.returncode == 1
    assert "note: Skipped old.sql" in done.stderr
    assert "note: Skipped old.sql" in run("diff", "nonesuch", cwd=tmp_path).stderr
