"""`pgassay init` in a Supabase project."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pgassay.config import DEFAULT_PERSONAS, load_config
from pgassay.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]
SCHEMA = """
create type public.state as enum ('open', 'done');
create table public.profiles (
    id uuid primary key references auth.users on delete cascade,
    name text not null
);
create table public.projects (
    id uuid primary key default gen_random_uuid(),
    owner_id uuid not null references public.profiles,
    kind text not null check (kind in ('small', 'big'))
);
create table public.tasks (
    id bigint primary key generated always as identity,
    project_id uuid not null references public.projects,
    state public.state not null, due date not null, tags text[] not null
);
create table public.strict (n int primary key check (n > 1000));
create function public.greet() returns trigger language plpgsql security definer set search_path = '' as $$
begin
    insert into public.profiles values (new.id, new.raw_user_meta_data ->> 'full_name');
    return new;
end $$;
create trigger greet after insert on auth.users for each row execute function public.greet();
alter table public.projects enable row level security;
create policy own on public.projects using (owner_id = (select auth.uid()));
"""
WRITTEN = ("pgassay.toml", "world.sql", "access.matrix")


@pytest.fixture
def root(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGASSAY_SERVER", server.url("postgres"))
    root = tmp_path / "a project"
    (root / "supabase/migrations").mkdir(parents=True)
    (root / "supabase/migrations/1_a.sql").write_text(SCHEMA, encoding="utf-8")
    (root / "supabase/config.toml").write_text("[api]\nauto_expose_new_tables = true\n", encoding="utf-8")
    return root


def texts(root: Path) -> list[str]:
    return [(root / name).read_text(encoding="utf-8") for name in WRITTEN]


def test_first_run_writes_what_makes_every_later_matrix_good(root: Path, run: Run) -> None:
    done = run("init", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["wrote  world.sql", "wrote  access.matrix", "wrote  pgassay.toml"]
    config = load_config(root)
    assert (config.world, config.baseline) == (root / "world.sql", root / "access.matrix")
    assert config.personas == DEFAULT_PERSONAS
    accepted = texts(root)[2].splitlines()
    assert "alice  public.projects  select  kind  own  allowed" in accepted
    assert "alice  public.projects  select  kind  another's  filtered" in accepted
    assert any(line.startswith("bob  public.tasks  select") for line in accepted)
    assert "anon  public.strict  select  n  public  allowed" in accepted  # though it takes no plain insert
    assert run("matrix", cwd=root).returncode == 0


def test_what_nobody_said_of_new_tables_is_written_down_and_not_told_again(root: Path, run: Run) -> None:
    (root / "supabase/config.toml").unlink()
    done = run("init", cwd=root)
    assert "note: Nobody said whether API roles are given the new tables" in done.stderr
    assert load_config(root).expose_new_tables is True
    assert run("config", cwd=root).stderr == ""
    run("init", "--force", cwd=root)
    assert load_config(root).expose_new_tables is True
    (root / "supabase/config.toml").write_text("[api]\nauto_expose_new_tables = false\n", encoding="utf-8")
    run("init", "--force", cwd=root)
    assert load_config(root).expose_new_tables is False


def test_second_run_changes_nothing_and_says_so(root: Path, run: Run) -> None:
    run("init", cwd=root)
    (root / "world.sql").write_text("-- mine\n", encoding="utf-8")
    before = texts(root)
    done = run("init", root, cwd=Path("/"))
    assert (done.returncode, texts(root)) == (0, before)
    assert done.stdout.splitlines()[-1] == "Nothing was changed."
    run("init", "--force", cwd=root)
    assert "insert into public.projects" in texts(root)[1]


def test_what_is_configured_elsewhere_stays_there(root: Path, run: Run) -> None:
    (root / "pyproject.toml").write_text("[tool.pgassay]\nworld = 'rows.sql'\n", encoding="utf-8")
    (root / "rows.sql").write_text("insert into public.strict values (2000);\n", encoding="utf-8")
    done = run("init", cwd=root)
    assert done.stdout.splitlines()[:2] == ["kept   rows.sql: it is there already", "wrote  access.matrix"]
    assert not (root / "pgassay.toml").exists()
    assert "anon  public.strict  select  n  public  allowed" in texts_of(root, "access.matrix")


def texts_of(root: Path, name: str) -> list[str]:
    return (root / name).read_text(encoding="utf-8").splitlines()


def test_schema_that_does_not_load_leaves_nothing_behind(root: Path, run: Run) -> None:
    (root / "supabase/migrations/2_b.sql").write_text("select 1 / 0;", encoding="utf-8")
    done = run("init", "--workflow", "--pre-commit", cwd=root)
    assert done.returncode == 1
    assert [path.name for path in root.iterdir()] == ["supabase"]


def test_what_cannot_be_written_is_told_before_the_work(root: Path, run: Run) -> None:
    (root / "supabase/migrations/2_b.sql").write_text("select 1 / 0;", encoding="utf-8")
    (root / "access.matrix").mkdir()
    done = run("init", "--force", cwd=root)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        f"Cannot write {root / 'access.matrix'}: Is a directory",
    )


def test_workflow_and_hook_are_written_on_request(root: Path, run: Run) -> None:
    (root.parent / ".git").mkdir()
    hooks = root.parent / ".pre-commit-config.yaml"
    run("init", "--workflow", "--pre-commit", cwd=root)
    workflow = (root.parent / ".github/workflows/pgassay.yml").read_text(encoding="utf-8")
    assert "pgassay verify --project 'a project'" in workflow
    assert "id: pgassay" in hooks.read_text(encoding="utf-8")
    hooks.write_text("repos: []\n", encoding="utf-8")
    done = run("init", "--pre-commit", cwd=root)
    assert "id: pgassay" in done.stdout
    assert hooks.read_text(encoding="utf-8") == "repos: []\n"


RECURSIVE = """
create policy loop on public.profiles using (exists (select from public.profiles));
alter table public.profiles enable row level security;
create function public.wrong() returns int language sql as 'select 1';
"""


def test_broken_schema_is_told_as_by_the_matrix_and_the_files_are_written(root: Path, run: Run) -> None:
    (root / "supabase/migrations/2_b.sql").write_text(RECURSIVE, encoding="utf-8")
    done = run("init", cwd=root)
    *written, broken = done.stdout.splitlines()
    assert done.returncode == 1
    assert written == ["wrote  world.sql", "wrote  access.matrix", "wrote  pgassay.toml"]
    assert broken.startswith("broken: public.profiles: infinite recursion detected in policy")
    assert texts_of(root, "world.sql")
    later = run("matrix", cwd=root)
    assert later.returncode == 1
    assert broken in later.stdout.splitlines()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_world_that_is_named_and_not_there_is_written(root: Path, run: Run, force: list[str]) -> None:
    given = "world = 'rows/mine.sql'\nbaseline = 'mine.matrix'\n"
    (root / "pgassay.toml").write_text(given, encoding="utf-8")
    done = run("init", *force, cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:2] == ["wrote  rows/mine.sql", "wrote  mine.matrix"]
    assert "insert into public.projects" in (root / "rows/mine.sql").read_text(encoding="utf-8")
    assert texts_of(root, "mine.matrix")
    assert run("matrix", cwd=root).returncode == 0
    (root / "rows/mine.sql").write_text("-- mine\n", encoding="utf-8")
    (root / "mine.matrix").unlink()
    assert run("init", cwd=root).stdout.splitlines()[0] == "kept   rows/mine.sql: it is there already"
    assert texts_of(root, "rows/mine.sql") == ["-- mine"]


def test_world_that_is_a_pattern_without_a_file_is_refused(root: Path, run: Run) -> None:
    (root / "pgassay.toml").write_text("world = 'rows/*.sql'\n", encoding="utf-8")
    done = run("init", cwd=root)
    assert done.returncode == 2
    assert "there is no such file" in done.stderr


def test_other_commands_need_the_world_that_is_named(root: Path, run: Run) -> None:
    (root / "pgassay.toml").write_text("world = 'rows/mine.sql'\n", encoding="utf-8")
    assert run("matrix", cwd=root).returncode == 2
