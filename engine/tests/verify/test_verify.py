"""The gate on small projects: its verdicts, its findings, and that nothing is skipped silently."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from pgassay.config import Config
from pgassay.database import Layer
from pgassay.errors import ConfigError, ExitCode, Place, SchemaError
from pgassay.render.report import FORMATS, render_json, render_junit, render_markdown, render_text
from pgassay.server import Server
from pgassay.verdict import Case, Counts, Finding, Stage, Status, Verdict
from pgassay.verify import verify
from pgassay.verify.report import report_verdict

pytestmark = pytest.mark.slow

GOOD = "create table public.notes (id integer primary key);\n"
TEST = """
def test_there_is_a_table(session):
    assert session.value("select to_regclass('public.notes') is not null")
"""


@pytest.fixture
def project(tmp_path: Path, environment: Layer, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A folder with a schema, one test, and a configuration; the path has a space."""
    root = tmp_path / "a project"
    (root / "tests").mkdir(parents=True)
    (root / "schema.sql").write_text(GOOD, encoding="utf-8")
    (root / "tests" / "test_notes.py").write_text(TEST, encoding="utf-8")
    listed = ", ".join(f"'{path}'" for path in environment.scripts)
    (root / "pyproject.toml").write_text(
        f"[tool.pgassay]\nschema = 'schema.sql'\nenvironment = [{listed}]\n", encoding="utf-8"
    )
    (root / ".sqlfluff").write_text("[sqlfluff]\ndialect = postgres\n", encoding="utf-8")
    # Half a second of each start goes to plugins that this project does not use.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:benchmark -p no:pytest_postgresql")
    return Config(
        root=root, schema=(root / "schema.sql",), environment=environment.scripts, suites=(root / "tests",)
    )


def status(verdict: Verdict) -> dict[str, Status]:
    return {stage.name: stage.status for stage in verdict.stages}


def test_sound_project_is_good(project: Config, server: Server) -> None:
    verdict = verify(project, server)
    others = [(s.name, s.detail) for s in verdict.stages if s.status is not Status.GOOD]
    assert others == [
        ("matrix", "no baseline configured"),
        ("audit", "there is no audit.toml: see pgassay audit"),
        ("plans", "no plan contracts configured"),
    ], verdict.stages
    assert verdict.exit_code is ExitCode.GOOD
    assert verdict.counts("tests") == Counts(passed=1)


def test_failing_test_is_a_finding_with_its_place_and_reason(project: Config, server: Server) -> None:
    file = project.suites[0] / "test_notes.py"
    file.write_text(TEST.replace("is not null", "is null"), encoding="utf-8")
    verdict = verify(project, server, only=("suites",))
    print(verdict.stages)
    (finding,) = verdict.findings
    assert (finding.rule, finding.message) == ("suite", "tests/test_notes.py::test_there_is_a_table")
    assert finding.place == Place(file=file, line=2)
    assert "assert False" in finding.witness
    assert verdict.exit_code is ExitCode.SCHEMA_PROBLEM


def test_test_that_repeats_a_stage_runs_where_that_stage_has_not_judged(
    project: Config, server: Server
) -> None:
    repeating = "import pytest\n@pytest.mark.repeats_stage('load')\ndef test_again():\n    assert False\n"
    (project.suites[0] / "test_again.py").write_text(repeating, encoding="utf-8")
    alone = verify(project, server, only=("suites",))
    assert alone.counts("tests") == Counts(passed=1, failed=1)
    assert verify(project, server, only=("load", "suites")).counts("tests") == Counts(passed=1)


def test_schema_that_does_not_load_keeps_the_suites_from_running(project: Config, server: Server) -> None:
    project.schema[0].write_text(GOOD + "select 1/0;\n", encoding="utf-8")
    verdict = verify(project, server, only=("load", "suites"))
    assert status(verdict) == {
        "load": Status.PROBLEM,
        "lint": Status.SKIPPED,
        "matrix": Status.SKIPPED,
        "audit": Status.SKIPPED,
        "plans": Status.SKIPPED,
        "suites": Status.NOT_JUDGED,
    }
    (finding,) = verdict.findings
    assert finding.place
    assert (finding.rule, finding.place.file, finding.place.line) == ("load", project.schema[0], 2)
    assert "division by zero" in finding.message
    assert verdict.exit_code is ExitCode.SCHEMA_PROBLEM


def test_style_is_nobodys_business_where_no_rules_are_configured(project: Config, server: Server) -> None:
    (project.root / ".sqlfluff").unlink()
    project.schema[0].write_text(GOOD + "SELECT 1;\n", encoding="utf-8")
    verdict = verify(project, server, only=("load", "lint"))
    assert [(stage.status, stage.detail) for stage in verdict.stages[1:2]] == [
        (Status.SKIPPED, "no configuration of sqlfluff")
    ]
    assert verdict.exit_code is ExitCode.GOOD


def test_untidy_schema_is_a_finding_for_each_rule_it_breaks(project: Config, server: Server) -> None:
    project.schema[0].write_text(GOOD + "SELECT 1;\n", encoding="utf-8")
    verdict = verify(project, server, only=("load", "lint"))
    assert [(f.rule, f.place and f.place.line) for f in verdict.findings] == [("lint.CP01", 2)]
    assert verdict.exit_code is ExitCode.SCHEMA_PROBLEM


@pytest.mark.parametrize(
    "body",
    [
        "",
        "import pytest\n@pytest.mark.skip(reason='later')\ndef test_nothing():\n    pass\n",
    ],
    ids=["no test", "every test skipped"],
)
def test_no_test_that_ran_is_never_good(project: Config, server: Server, body: str) -> None:
    (project.suites[0] / "test_notes.py").write_text(body, encoding="utf-8")
    verdict = verify(project, server, only=("load", "suites"))
    assert status(verdict)["suites"] is Status.NOT_JUDGED
    assert verdict.stages[-1].detail.startswith("No test ran that passed or failed")
    assert verdict.exit_code is ExitCode.CANNOT_JUDGE


def test_lost_server_stands_alone(project: Config, server: Server) -> None:
    raising = (
        "from pgassay.errors import ServerError\ndef test_a():\n    raise ServerError('Gone.', why='Log')\n"
    )
    (project.suites[0] / "test_notes.py").write_text(raising, encoding="utf-8")
    verdict = verify(project, server, only=("suites",))
    assert verdict.stages[-1].detail == "Gone.\nLog"
    assert verdict.exit_code is ExitCode.CANNOT_JUDGE
    assert render_text(report_verdict(verdict)).splitlines()[-5:] == [
        "  plans   skipped               not asked for",
        f"  suites  not judged  {verdict.stages[-1].seconds:6.2f} s  Gone.",
        "    Log",
        "",
        "verdict: not judged",
    ]


def test_project_without_suites_is_judged_by_what_it_has(project: Config, server: Server) -> None:
    bare = Config(root=project.root, schema=project.schema)
    verdict = verify(bare, server)
    assert (verdict.stages[-1].status, verdict.stages[-1].detail) == (
        Status.SKIPPED,
        "no suites configured",
    )
    assert verdict.exit_code is ExitCode.GOOD
    assert verify(bare, server, only=("suites",)).exit_code is ExitCode.CANNOT_JUDGE


def test_broken_test_file_fails_the_gate(project: Config, server: Server) -> None:
    (project.suites[0] / "test_notes.py").write_text("import nonesuch\n", encoding="utf-8")
    verdict = verify(project, server, only=("suites",))
    assert verdict.exit_code is ExitCode.CANNOT_JUDGE
    assert "nonesuch" in verdict.findings[0].witness


def test_missing_schema_cannot_be_judged(project: Config, server: Server) -> None:
    missing = project.root / "nonesuch.sql"
    with pytest.raises(ConfigError, match=r"There is no file .*nonesuch\.sql"):
        verify(Config(root=project.root, schema=(missing,)), server)


TEST_PLACE = Place(file=Path("/p/t.py"), line=3)
SAMPLE = Verdict(
    schema=(Path("/p/schema.sql"),),
    server="PostgreSQL 18.6 (embedded)",
    stages=(
        Stage(name="load", status=Status.GOOD, detail="schema.sql", seconds=0.25),
        Stage(
            name="lint",
            status=Status.PROBLEM,
            detail="1 file, 1 finding",
            findings=(
                Finding(
                    rule="lint.CP01", message="Keywords", place=Place(file=Path("/p/schema.sql"), line=7)
                ),
            ),
        ),
        Stage(
            name="suites",
            status=Status.PROBLEM,
            detail="tests 1 passed 1 failed 1 skipped",
            findings=(Finding(rule="suite", message="t.py::test_b", place=TEST_PLACE, witness="E   no <b>"),),
            cases=(
                Case(name="t.py::test_a", outcome="passed"),
                Case(
                    name="t.py::test_b",
                    outcome="failed",
                    reason="E   no <b>\x1b",
                    place=TEST_PLACE,
                ),
                Case(name="t.py::test_c", outcome="skipped", reason="needs npm"),
            ),
            counts={"tests": Counts(passed=1, failed=1, skipped=1), "pgtap": Counts(passed=5)},
        ),
    ),
)


def test_json_report_keeps_its_contract() -> None:
    document = json.loads(render_json(report_verdict(SAMPLE)))
    assert document["version"] == 1
    assert document["verdict"] == "problem"
    assert document["findings"][0] == {
        "rule": "lint.CP01", "message": "Keywords", "file": "/p/schema.sql", "line": 7, "witness": None,
    }  # fmt: skip
    assert document["tests"] == {"passed": 1, "failed": 1, "skipped": 1}
    assert document["pgtap"] == {"passed": 5, "failed": 0, "skipped": 0}


def test_junit_report_counts_every_case() -> None:
    suites = {suite.get("name"): suite for suite in fromstring(render_junit(report_verdict(SAMPLE)))}
    counted = {
        name: tuple(s.get(k) for k in ("tests", "failures", "skipped", "errors"))
        for name, s in suites.items()
    }
    assert counted == {
        "load": ("1", "0", "0", "0"),
        "lint": ("1", "1", "0", "0"),
        "suites": ("3", "1", "1", "0"),
    }
    assert suites["suites"].findtext("testcase/failure") == "E   no <b>\N{REPLACEMENT CHARACTER}"


def test_junit_report_of_a_stage_that_could_not_judge_is_an_error() -> None:
    verdict = Verdict(
        schema=(), server="", stages=(Stage(name="suites", status=Status.NOT_JUDGED, detail="no test"),)
    )
    (suite,) = fromstring(render_junit(report_verdict(verdict)))
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert [error.get("message") for error in suite.iter("error")] == ["no test"]


def test_text_report_names_places_reasons_and_skips_within_80_columns() -> None:
    text = render_text(report_verdict(SAMPLE))
    assert "/p/schema.sql:7  Keywords [lint.CP01]" in text
    assert "FAILED t.py::test_b\n  E   no <b>" in text
    assert "skipped t.py::test_c: needs npm" in text
    assert text.endswith("verdict: problem\n")
    assert max(map(len, text.splitlines())) <= 80


def test_long_lines_of_the_text_report_are_wrapped() -> None:
    migrations = tuple(Path(f"/p/migrations/2024010100000{n}_create.sql") for n in range(9))
    long = Finding(rule="lint.LT05", message="words " * 30, place=Place(file=migrations[0], line=1))
    stage = Stage(name="lint", status=Status.PROBLEM, detail="name.sql, " * 20, seconds=1.0, findings=(long,))
    verdict = Verdict(schema=migrations, server="PostgreSQL 18.6 (embedded)", stages=(stage,))
    text = render_text(report_verdict(verdict))
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("_create.sql") == 3
    assert text.count("words") == 30


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u202e\x9b2Jverdict: good"


def report_of(*findings: Finding, detail: str = "", name: str = "markdown") -> str:
    stage = Stage(name="load", status=Status.PROBLEM, detail=detail, findings=findings)
    return FORMATS[name](report_verdict(Verdict(schema=(), server="", stages=(stage,))))


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_report_does_not_steer_the_terminal(name: str) -> None:
    report = report_of(Finding(rule="load", message=HOSTILE), detail=HOSTILE, name=name)
    assert all(line.isprintable() for line in report.split("\n"))


def test_error_does_not_steer_the_terminal() -> None:
    error = str(SchemaError(HOSTILE, why=HOSTILE, fixes=(HOSTILE,)))
    assert all(line.isprintable() for line in error.split("\n"))


@pytest.mark.parametrize("run", ["```", "````````", "`", ""])
@pytest.mark.parametrize("before", ["", "  ", "x"])
def test_markdown_fence_is_longer_than_any_run_of_backticks_inside(before: str, run: str) -> None:
    fence = "`" * max(3, len(run) + 1)
    markdown = report_of(Finding(rule="load", message=f"title\n{before}{run}\n<img src=x>"))
    assert f"\n{fence}\ntitle\n{before}{run}\n<img src=x>\n{fence}\n" in markdown


def test_markdown_cell_is_text() -> None:
    markdown = report_of(detail="a | b & <img src=x>\n![i](j) `c`")
    row = "| load | problem |   0.00 s | a &#124; b &#38; &#60;img src=x> !&#91;i](j) &#96;c&#96; |"
    assert row in markdown.splitlines()


def test_markdown_report_escapes_what_markup_would_eat() -> None:
    markdown = render_markdown(report_verdict(SAMPLE))
    assert markdown.startswith("## pgassay: problem\n")
    assert "<summary>/p/t.py:3  FAILED t.py::test_b</summary>" in markdown
    assert "```\nE   no <b>\n```" in markdown
