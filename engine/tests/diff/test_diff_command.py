"""`pgassay diff` as people, pull requests and programs read it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.catalog.compare import ChangeKind, SchemaChange
from pgassay.catalog.model import ObjectKey
from pgassay.cli import main
from pgassay.config import Config
from pgassay.database import Layer
from pgassay.diff.difference import AccessChange, Difference
from pgassay.diff.outcome import Review
from pgassay.diff.report import report_review
from pgassay.diff.witness_scripts import witness_files
from pgassay.errors import ExitCode, Place, SchemaError
from pgassay.matrix.model import Action, CellKey, Direction, RowClass, Witness
from pgassay.observation import Persona
from pgassay.project.revisions import Side
from pgassay.render.report import FORMATS, render_json, render_markdown, render_text
from pgassay.server import Server

CONFIG = Config(root=Path("/p"), schema=(Path("/p/schema.sql"),))
CAUSE = SchemaChange(kind=ChangeKind.DROPPED, key=ObjectKey("policy", "public.t", "own"))
GAIN = AccessChange(
    direction=Direction.GAINED,
    message="bob can now SELECT <rows> of public.t (was: filtered).",
    cells=(
        CellKey(persona="bob", object="public.t", action=Action.SELECT, variant="-", rows=RowClass.OTHER),
    ),
    witness=Witness(
        persona=Persona(name="bob", role="authenticated", claims={"sub": "it's bob"}),
        statement="select id from public.t",
    ),
    setup=("update public.t set a = 1",),
    before="filtered",
    after="allowed",
    causes=(CAUSE,),
    place=Place(file=Path("/p/schema.sql"), line=7),
)
SAMPLE = Review(
    base=Side(label="origin/main", config=CONFIG, notes=("origin/main has no storage.sql.",)),
    head=Side(label="the working tree", config=CONFIG),
    difference=Difference(
        gained=(GAIN,),
        lost=(replace(GAIN, direction=Direction.LOST, message="alice can no longer read."),),
        added=("relation public.u",),
        schema=(CAUSE,),
    ),
    probes=10,
    seconds=1.5,
)


def test_text_report_ends_with_the_verdict_after_places_and_witness() -> None:
    lines = render_text(report_review(SAMPLE)).splitlines()
    assert lines[0] == f"/p/schema.sql:7  gained: {GAIN.message}"
    assert "    update public.t set a = 1;" in lines
    assert "/p/schema.sql:7  lost: alice can no longer read." in lines
    assert "added: relation public.u" in lines
    assert "origin/main → the working tree: 1 gained, 1 lost, 0 changed" in lines
    assert lines[-3].startswith("Access was gained.")
    assert lines[-2] == "  pgassay matrix --accept"


def test_markdown_report_folds_the_witness_and_escapes_markup() -> None:
    markdown = render_markdown(report_review(SAMPLE))
    assert "<details><summary>/p/schema.sql:7  bob can now SELECT &lt;rows> of public.t" in markdown
    assert "```sql\n-- bob can now SELECT <rows> of public.t (was: filtered).\n" in markdown
    assert "### Added\n\n- relation public.u\n" in markdown


def test_comment_is_never_too_long_for_github_and_counts_what_it_leaves_out() -> None:
    gains = tuple(replace(GAIN, message=f"gain {number}. {'words ' * 200}") for number in range(100))
    markdown = render_markdown(
        report_review(replace(SAMPLE, difference=Difference(gained=gains, schema=(CAUSE,))))
    )
    shown = markdown.count("<details>")
    assert 50_000 < len(markdown) < 65_536
    assert markdown.endswith(f"\n\n{101 - shown} more do not fit here; the other reports have them.\n")


def test_json_report_keeps_its_contract() -> None:
    document = json.loads(render_json(report_review(SAMPLE)))
    assert (document["version"], document["verdict"], document["accepted"]) == (1, "problem", False)
    [gain] = document["gained"]
    assert (gain["file"], gain["line"], gain["before"], gain["after"]) == (
        "/p/schema.sql", 7, "filtered", "allowed",
    )  # fmt: skip
    assert gain["cells"] == [
        {"persona": "bob", "object": "public.t", "action": "select", "column": "-", "rows": "another's"}
    ]
    assert gain["witness"]["statement"] == "select id from public.t"
    assert document["schema"][0]["message"] == 'Policy "own" on public.t was dropped.'


@pytest.mark.parametrize(
    ("found", "exit_code", "last"),
    [
        (SAMPLE, ExitCode.SCHEMA_PROBLEM, "Access was gained. If it is meant, accept it"),
        (
            replace(SAMPLE, difference=Difference(gained=(replace(GAIN, cells=()),))),
            ExitCode.SCHEMA_PROBLEM,
            'lines of the baseline that begin with "# accepted: ", for what no cell shows',
        ),
        (replace(SAMPLE, accepted=True), ExitCode.GOOD, "What is gained stands in the baseline"),
        (
            replace(SAMPLE, difference=Difference(), tried=99),
            ExitCode.GOOD,
            "No gain found (99 statements tried with other rows and claims).",
        ),
        (
            replace(SAMPLE, difference=Difference(), fault=SchemaError("it does not parse")),
            ExitCode.SCHEMA_PROBLEM,
            "it does not parse",
        ),
    ],
    ids=["gained", "gained by search", "accepted", "searched", "does not load"],
)
def test_verdict_says_why(found: Review, exit_code: ExitCode, last: str) -> None:
    assert found.exit_code is exit_code
    for name in ("text", "markdown"):
        assert last in " ".join(FORMATS[name](report_review(found)).split())
    assert json.loads(render_json(report_review(found)))["verdict"] == ("problem" if exit_code else "good")


def test_witness_is_a_script_of_plain_sql_that_leaves_nothing() -> None:
    [(name, script)] = witness_files(SAMPLE).items()
    assert name == "gained-01.sql"
    statements = [line for line in script.splitlines() if not line.startswith("--")]
    assert statements[0] == "begin;"
    assert statements[2:] == [
        "update public.t set a = 1;",
        "select set_config('request.jwt.claims', '"
        '{"aud": "authenticated", "sub": "it\'\'s bob", "role": "authenticated"}\', true);',
        "set local role authenticated;",
        "select id from public.t;",
        "rollback;",
    ]


def test_one_run_writes_all_reports_and_witnesses_and_exits_1(
    tmp_path: Path, environment: Layer, server: Server, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    root = tmp_path / "a project"
    root.mkdir()
    secured = "alter table public.notes enable row level security;\n"
    base = f"create table public.notes (id int primary key);\n{secured}"
    (root / "base.sql").write_text(base, encoding="utf-8")
    (root / "schema.sql").write_text(
        base + "create policy p on public.notes for select using (true);\n", encoding="utf-8"
    )
    (root / "world.sql").write_text("insert into public.notes values (1);\n", encoding="utf-8")
    listed = ", ".join(f"'{path}'" for path in environment.scripts)
    (root / "pyproject.toml").write_text(
        f"[tool.pgassay]\nschema = 'schema.sql'\nworld = 'world.sql'\nenvironment = [{listed}]\n"
        "personas.anon = { role = 'anon' }\n",
        encoding="utf-8",
    )
    files = ["--output", "build/diff.json", "--witness", "build/witness"]
    files += ["--report", "junit=build/diff.xml", "--report", "github=build/diff"]
    done = run("diff", "base.sql", "--format", "json", "--server", server.url("postgres"), *files, cwd=root)
    assert (done.returncode, done.stderr) == (1, "")
    assert "schema.sql:3  gained: anon can now SELECT rows of public.notes (was: filtered)." in done.stdout
    assert '<failure message="filtered → allowed">' in (root / "build/diff.xml").read_text(encoding="utf-8")
    assert "file=schema.sql,line=3" in (root / "build/diff").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads((root / "build/diff.json").read_text(encoding="utf-8"))["head"] == "the working tree"
    assert "select" in (root / "build/witness/gained-01.sql").read_text(encoding="utf-8")


def test_two_files_need_no_project(
    tmp_path: Path, server: Server, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    table = "create table public.notes (id int primary key);\n"
    made = f"{table}alter table public.notes enable row level security;\n"
    opened = f"{made}create policy p on public.notes for select using (true);\n"
    (tmp_path / "before.sql").write_text(made, encoding="utf-8")
    (tmp_path / "after.sql").write_text(opened, encoding="utf-8")
    done = run("diff", "before.sql", "after.sql", "--server", server.url("postgres"), cwd=tmp_path)
    assert "before.sql → after.sql: " in done.stdout, done
    assert done.returncode == ExitCode.SCHEMA_PROBLEM
    missing = run("diff", "before.sql", "nowhere.sql", cwd=tmp_path)
    assert missing.returncode == ExitCode.CANNOT_JUDGE
    assert "The file nowhere.sql is missing." in missing.stderr


@pytest.mark.parametrize("budget", ["inf", "-1", "1.5", "soon"])
def test_search_without_an_end_is_refused(budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["diff", "HEAD", f"--search={budget}"])
    assert left.value.code == ExitCode.CANNOT_JUDGE
    assert budget in capsys.readouterr().err
