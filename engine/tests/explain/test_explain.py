"""`pgassay explain`: one statement of one persona, on rows that are made."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgassay.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]

NOTES = """
create table public.notes (
    id integer primary key,
    owner uuid not null default auth.uid() references auth.users (id) on delete cascade,
    body text not null
);
alter table public.notes enable row level security;
create policy "own" on public.notes to authenticated using (owner = (select auth.uid()))
with check (owner = (select auth.uid()));
revoke all on public.notes from anon;
create function public.count_notes() returns bigint language sql security definer set search_path = ''
as $$ select count(*) from public.notes $$;
revoke execute on function public.count_notes() from public, anon;
create function public.end_it() returns boolean language sql security definer set search_path = ''
as $$ select pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid()) $$;
"""


@pytest.fixture
def root(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))
    (tmp_path / "notes.sql").write_text(NOTES, encoding="utf-8")
    (tmp_path / "pgassay.toml").write_text('schema = ["notes.sql"]\nstatement_timeout = 1\n', "utf-8")
    return tmp_path


@pytest.fixture
def explained(root: Path, run: Run) -> Callable[[str, str], dict[str, Any]]:
    """The document about a statement and whose it is; the exit code is 0."""

    def explained(statement: str, persona: str) -> dict[str, Any]:
        done = run("explain", statement, "--as", persona, "--format", "json", cwd=root)
        assert (done.returncode, done.stderr) == (0, "")
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    return explained


def test_refused_one_names_what_holds_it(root: Path, run: Run) -> None:
    moved = f"update public.notes set owner = '{'0' * 8}-0000-4000-8000-{'0' * 12}', body = repeat('x', 90)"
    done = run("explain", moved, "--as", "alice", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    assert '  notes.sql:8  policy "own" on public.notes, WITH CHECK for all' in told
    assert "refused, 42501: new row violates row-level security policy" in " ".join(done.stdout.split())
    assert max(len(line) for line in told if "update" not in line) <= 80


@pytest.mark.slow
def test_allowed_one_names_what_lets_it_through(explained: Callable[[str, str], dict[str, Any]]) -> None:
    found = explained("update public.notes set body = 'x' returning id;", "alice")
    assert set(found) == {
        *("version", "persona", "statement", "outcome", "rows", "sqlstate", "message"),
        *("held_by", "let_through_by", "unexplained", "notes", "seconds"),
    }
    assert found["persona"] == {"name": "alice", "role": "authenticated"}
    assert found["statement"] == "update public.notes set body = 'x' returning id"
    assert (found["outcome"], found["rows"], found["held_by"]) == ("allowed", 1, [])
    assert [(one["what"], one["or"], one["line"]) for one in found["let_through_by"]] == [
        ("grant update on public.notes to authenticated", [], None),
        ("grant select on public.notes to authenticated", [], None),
        ('policy "own" on public.notes, for all', [], 8),
    ]


@pytest.mark.slow
def test_no_row_is_told_from_a_hidden_one(explained: Callable[[str, str], dict[str, Any]]) -> None:
    nothing = explained("select * from public.notes where body = 'nowhere'", "alice")
    assert (nothing["outcome"], nothing["rows"], nothing["held_by"]) == ("filtered", 0, [])
    assert "does the target exist?" in nothing["unexplained"]
    hidden = explained("delete from public.notes where owner <> auth.uid()", "alice")
    assert (hidden["outcome"], hidden["rows"], hidden["unexplained"]) == ("filtered", 0, None)
    assert [one["what"] for one in hidden["held_by"]] == ['policy "own" on public.notes, USING for all']


@pytest.mark.slow
def test_function_is_explained_for_who_may_call_it_and_who_may_not(
    explained: Callable[[str, str], dict[str, Any]],
) -> None:
    call = "select public.count_notes()"
    refused = explained(call, "anon")
    assert (refused["outcome"], refused["sqlstate"]) == ("denied_grant", "42501")
    assert [one["what"] for one in refused["held_by"]] == [
        "missing grant execute on routine public.count_notes() to anon"
    ]
    allowed = explained(call, "bob")
    [support] = allowed["let_through_by"]
    assert support["what"] == "grant execute on routine public.count_notes() to authenticated"
    assert "security definer" in allowed["notes"][0]


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("selec 1", "no SQL statement"),
        ("", "this is 0"),
        ("select 1; select 2", "this is 2"),
        ("commit", "about transactions"),
        ("prepare transaction 'x'", "about transactions"),
        ("select '\udcff'", "no SQL statement"),
    ],
)
def test_what_is_no_statement_is_refused_before_a_server_is_asked(
    root: Path, run: Run, monkeypatch: pytest.MonkeyPatch, statement: str, why: str
) -> None:
    monkeypatch.setenv("PGASSAY_SERVER", "no such server")
    done = run("explain", statement, "--as", "alice", cwd=root)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "persona", "why"),
    [
        ("select 1", "zoe", "--as alice, anon, bob, service"),
        ("select * from nonesuch", "alice", '42P01: relation "nonesuch" does not exist'),
        ("copy public.notes to stdout", "alice", "a client of its own"),
        ("select pg_sleep(600)", "service", "57014"),
        ("select public.end_it()", "alice", "ends its own connection"),
    ],
)
def test_what_cannot_be_judged_is_exit_2(
    root: Path, run: Run, statement: str, persona: str, why: str
) -> None:
    done = run("explain", statement, "--as", persona, cwd=root)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in " ".join(done.stderr.split())


@pytest.mark.slow
def test_a_schema_that_does_not_load_is_a_problem_of_the_schema(root: Path, run: Run) -> None:
    (root / "notes.sql").write_text("create table public.notes (id nonesuch);", encoding="utf-8")
    done = run("explain", "select 1", "--as", "alice", cwd=root)
    assert done.returncode == 1
    assert "nonesuch" in done.stderr
