"""`pgassay matrix` and the stage of `pgassay verify`: what they report, and what they exit with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.config import Config, PersonaConfig
from pgassay.database import Layer
from pgassay.errors import ConfigError, ExitCode, ServerError
from pgassay.matrix.assessment import assess
from pgassay.matrix.baseline import HEADER, DeviationKind
from pgassay.matrix.command import show_matrix
from pgassay.render.output import Output
from pgassay.server import Server, open_server
from pgassay.verdict import Status
from pgassay.verify import verify
from pgassay.workbench import Workbench

SCHEMA = """
create table public.users (id uuid primary key);
create table public.notes (id integer primary key, user_id uuid not null references public.users, body text);
alter table public.notes enable row level security;
create policy "own" on public.notes to authenticated using (user_id = auth.uid());
revoke all on public.users, public.notes from anon, authenticated;
grant select on public.notes to authenticated;
"""
WORLD = """
insert into public.users values
('a11ce000-0000-4000-8000-000000000001'), ('b0b00000-0000-4000-8000-000000000002');
insert into public.notes values
(1, 'a11ce000-0000-4000-8000-000000000001', 'a'), (2, 'b0b00000-0000-4000-8000-000000000002', 'b');
"""
ALICE = PersonaConfig(role="authenticated", claims={"sub": "a11ce000-0000-4000-8000-000000000001"})
BOB = PersonaConfig(role="authenticated", claims={"sub": "b0b00000-0000-4000-8000-000000000002"})
MORE = """
grant insert (id, user_id, body), update (body) on public.notes to authenticated;
create table public.posts (id integer primary key, title text);
insert into public.posts values (1, 'first');
revoke all on public.posts from anon, authenticated;
grant select on public.posts to anon, authenticated;
grant truncate on public.posts to anon;
create table public.logs (id integer primary key, user_id uuid references public.users);
revoke all on public.logs from anon, authenticated;
grant select on public.logs to authenticated;
create function public.greet() returns text language sql return 'hello';
"""
SUMMARY = """\
public.notes
  alice, bob  reads own; inserts own rows; updates own (body)

public.posts
  everybody  reads all rows

Closed to them all
  public.users

Held back by nothing
  service  (service_role) may do everything to 3 tables

Functions that may be called
  everybody  public.greet()

Granted, though no request of the API can send it
  TRUNCATE  1 table: anon

Not tried
  public.logs  has no row. Granted: alice, bob: select, and row level security
                 is off
  functions    none was called; only whether they may be was asked

Each cell: --cells, or --format html."""
WIDENED = 'alter policy "own" on public.notes using (true);\n'
LOOP = 'create policy "loop" on public.notes using (exists (select from public.notes));\n'


@pytest.fixture
def project(tmp_path: Path, environment: Layer) -> Config:
    (tmp_path / "schema.sql").write_text(SCHEMA, encoding="utf-8")
    (tmp_path / "world.sql").write_text(WORLD, encoding="utf-8")
    return Config(
        root=tmp_path,
        schema=(tmp_path / "schema.sql",),
        environment=environment.scripts,
        world=tmp_path / "world.sql",
        personas={"alice": ALICE, "anon": PersonaConfig(role="anon")},
        baseline=tmp_path / "access.matrix",
    )


def change(project: Config, statement: str) -> None:
    project.schema[0].write_text(SCHEMA + statement, encoding="utf-8")


def lines(project: Config) -> list[str]:
    assert project.baseline
    return project.baseline.read_text(encoding="utf-8").splitlines()


def test_without_a_baseline_a_summary_is_shown(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project, MORE)
    everybody = {**project.personas, "bob": BOB, "service": PersonaConfig(role="service_role")}
    assert show_matrix(replace(project, personas=everybody), server) is ExitCode.GOOD
    shown, _, conclusion = capsys.readouterr().out.rpartition("\n\n")
    assert shown == SUMMARY
    assert conclusion.endswith("; no baseline\n")


def test_every_cell_is_shown_on_request(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_matrix(project, server, cells=True) is ExitCode.GOOD
    shown = capsys.readouterr().out
    assert shown.startswith(HEADER)
    assert "\nalice  public.notes  select  body  another's  filtered\n" in shown
    assert "; no baseline\n" in shown
    assert project.baseline
    assert not project.baseline.exists()


def test_class_without_a_row_is_named(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert project.world
    project.world.write_text(WORLD.rpartition(", (2")[0] + ";", encoding="utf-8")
    show_matrix(project, server, accept=True)
    assert "\n  public.notes  has no row that is another's (alice)\n" in capsys.readouterr().out
    show_matrix(project, server)
    assert capsys.readouterr().out.startswith("no row to try: public.notes, another's (alice)\n")


def test_view_that_shows_nothing_any_more_lacks_its_lines(project: Config, server: Server) -> None:
    view = "create view public.mine as select id from public.notes where {};"
    grant = (
        "revoke all on public.mine from anon, authenticated; grant select on public.mine to authenticated;\n"
    )
    change(project, view.format("true") + grant)
    assert show_matrix(project, server, accept=True) is ExitCode.GOOD
    of_it = [line for line in lines(project) if "  public.mine  " in line]
    change(project, view.format("false") + grant)
    found = assess(Workbench(project, server), only={"public.mine"})
    assert found.matrix.cells == ()
    assert of_it
    assert [one.kind for one in found.differences] == [DeviationKind.UNUSED] * len(of_it)


def test_accepted_matrix_is_as_accepted_until_the_schema_changes(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_matrix(project, server, accept=True) is ExitCode.GOOD
    assert "alice  public.notes  select  -  own  allowed" in lines(project)
    assert show_matrix(project, server) is ExitCode.GOOD
    change(project, WIDENED)
    capsys.readouterr()
    assert show_matrix(project, server) is ExitCode.SCHEMA_PROBLEM
    shown = capsys.readouterr().out.splitlines()
    assert shown[:4] == [
        f"alice  public.notes  select  {column}  another's: allowed (was: filtered)"
        for column in ("-", "body", "id", "user_id")
    ]
    assert show_matrix(project, server, accept=True) is ExitCode.GOOD
    assert show_matrix(project, server) is ExitCode.GOOD


@pytest.mark.parametrize("world", [WORLD, "select 1;"], ids=["rows", "no row"])
def test_policy_that_recurses_is_the_schemas_fault_and_not_accepted(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str], world: str
) -> None:
    assert project.world
    project.world.write_text(world, encoding="utf-8")
    change(project, LOOP)
    assert show_matrix(project, server, accept=True) is ExitCode.SCHEMA_PROBLEM
    told = 'broken: public.notes: infinite recursion detected in policy for relation "notes" (42P17)'
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(f"{told}; tried: ")
    assert "alice select" in line
    assert project.baseline
    assert not project.baseline.exists()


def test_report_goes_to_a_file_in_its_format(project: Config, server: Server) -> None:
    output = project.root / "matrix.json"
    show_matrix(project, server, output=Output(files=(("json", output),)))
    document = json.loads(output.read_text(encoding="utf-8"))
    (cell,) = [
        cell
        for cell in document["cells"]
        if (cell["persona"], cell["object"], cell["action"], cell["column"], cell["rows"])
        == ("alice", "public.notes", "select", "body", "another's")
    ]
    assert document["version"] == 1
    assert cell["outcome"] == "filtered"
    assert cell["results"] == [
        {
            "outcome": "filtered",
            "sqlstate": "",
            "when": "",
            "why": 'policies "own"',
            "footprint": [],
            "statement": "select id::text, body from public.notes where id in ('2')",
            "row": "",
        }
    ]


def test_markdown_shows_what_differs_and_folds_the_rest(
    project: Config, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    show_matrix(project, server, accept=True)
    change(project, WIDENED)
    capsys.readouterr()
    show_matrix(project, server, output=Output(shown="markdown"))
    shown = capsys.readouterr().out
    assert "\n- alice  public.notes  select  body  another's  filtered\n" in shown
    assert "\n+ alice  public.notes  select  body  another's  allowed\n" in shown
    assert "<details><summary>alice</summary>" in shown
    assert "\n| public.notes | select | body | own | allowed |\n" in shown


def test_accepting_needs_a_place(project: Config, server: Server) -> None:
    with pytest.raises(ConfigError, match="There is no place for the accepted matrix"):
        show_matrix(replace(project, baseline=None), server, accept=True)


def test_broken_baseline_is_written_anew(project: Config, server: Server) -> None:
    assert project.baseline is not None
    project.baseline.write_text("<<<<<<< HEAD\n", encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        show_matrix(project, server)
    assert refused.value.fixes[1] == "write the file anew: pgassay matrix --accept"
    assert show_matrix(project, server, accept=True) is ExitCode.GOOD
    assert "HEAD" not in project.baseline.read_text(encoding="utf-8")
    assert show_matrix(project, server) is ExitCode.GOOD


def test_nobody_to_try_anything_cannot_be_judged(project: Config, server: Server) -> None:
    with pytest.raises(ConfigError, match="There is nobody to try anything"):
        show_matrix(replace(project, personas={}), server)


def test_command_writes_the_baseline(
    project: Config, server: Server, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    listed = ", ".join(f"'{path}'" for path in project.environment)
    (project.root / "pyproject.toml").write_text(
        "[tool.pgassay]\n"
        f"schema = 'schema.sql'\nworld = 'world.sql'\nbaseline = 'access.matrix'\nenvironment = [{listed}]\n"
        f"personas.alice = {{ role = 'authenticated', sub = '{ALICE.claims['sub']}' }}\n",
        encoding="utf-8",
    )
    done = run("matrix", "--accept", "--server", server.url("postgres"), cwd=project.root)
    assert (done.returncode, done.stderr) == (0, "")
    assert "alice  public.notes  select  body  own  allowed" in lines(project)


@pytest.mark.parametrize(
    ("baseline", "detail"),
    [(None, "no baseline configured"), ("access.matrix", "no baseline: there is no access.matrix")],
)
def test_stage_without_a_baseline_is_skipped_and_says_so(
    project: Config, server: Server, baseline: str | None, detail: str
) -> None:
    path = project.root / baseline if baseline else None
    verdict = verify(replace(project, baseline=path), server, only=("matrix",))
    (stage,) = [stage for stage in verdict.stages if stage.name == "matrix"]
    assert (stage.status, stage.detail) == (Status.SKIPPED, detail)


def test_stage_finds_a_line_for_each_difference(project: Config, server: Server) -> None:
    show_matrix(project, server, accept=True)
    assert verify(project, server, only=("matrix",)).exit_code is ExitCode.GOOD
    change(project, WIDENED)
    verdict = verify(project, server, only=("matrix",))
    assert verdict.exit_code is ExitCode.SCHEMA_PROBLEM
    finding = verdict.findings[1]
    assert len(verdict.findings) == 4
    assert finding.place
    assert (finding.rule, finding.place.file) == ("matrix", project.baseline)
    assert finding.message == "alice  public.notes  select  body  another's: allowed (was: filtered)"
    assert lines(project)[finding.place.line - 1] == "alice  public.notes  select  body  another's  filtered"
    assert finding.witness == "select id::text, body from public.notes where id in ('2')  -- as alice"


def test_policy_that_recurses_is_a_finding(project: Config, server: Server) -> None:
    show_matrix(project, server, accept=True)
    change(project, LOOP)
    verdict = verify(project, server, only=("matrix",))
    assert verdict.exit_code is ExitCode.SCHEMA_PROBLEM
    assert any("42P17: infinite recursion" in finding.message for finding in verdict.findings)


def test_persona_of_an_unknown_role_is_no_fault_of_the_schema(project: Config, server: Server) -> None:
    strangers = {"eve": PersonaConfig(role="nobody_here")}
    with pytest.raises(ConfigError, match=r"eve is nobody_here\."):
        show_matrix(replace(project, personas=strangers), server)


def test_environment_that_does_not_load_is_no_fault_of_the_schema(project: Config, server: Server) -> None:
    broken = project.root / "broken.sql"
    broken.write_text("create tabel t (i int);", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"The environment does not load: .*syntax error"):
        show_matrix(replace(project, environment=(broken,)), server)


def test_stage_does_not_run_when_the_load_failed(project: Config, server: Server) -> None:
    change(project, "select 1/0;")
    verdict = verify(project, server, only=("load", "matrix"))
    assert verdict.stages[2].detail == "not run: the load failed"


@pytest.mark.slow
def test_baseline_is_the_same_on_another_server(project: Config, server: Server) -> None:
    show_matrix(project, server, accept=True)
    here = lines(project)
    other = "system" if server.origin == "embedded" else "embedded"
    try:
        with open_server(other) as second:
            show_matrix(project, second, accept=True)
    except ServerError as error:
        pytest.skip(f"no second server: {error.what}")
    assert lines(project) == here
