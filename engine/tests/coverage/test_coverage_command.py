"""`pgassay coverage` on a small project: what it reports, and what it exits with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.coverage.command import measure_coverage
from pgassay.coverage.report import report_coverage
from pgassay.database import Layer
from pgassay.errors import ExitCode
from pgassay.render.report import render_text
from pgassay.server import Server
from pgassay.verdict import Status

SCHEMA = """
create function public.sign(a integer) returns text language plpgsql as $$
begin
    if a < 0 then return 'minus'; end if;
    return 'plus';
end
$$;
"""
TESTS = """
import pytest

@pytest.mark.parametrize("a", range(4))
def test_sign(session, a):
    assert session.value("select public.sign(%s)", [a]) == "plus"

def test_clone(clone):
    with clone.connect() as connection:
        assert connection.execute("select public.sign(9)").fetchone() == ("plus",)

def test_fails_anyway(session):
    assert session.value("select 1") == 2

def test_looks_at_the_text(session):
    assert "nextval" not in session.value("select prosrc from pg_proc where proname = 'sign'")
"""


@pytest.fixture
def project(tmp_path: Path, environment: Layer, monkeypatch: pytest.MonkeyPatch) -> Config:
    root = tmp_path / "a project"
    (root / "tests").mkdir(parents=True)
    (root / "schema.sql").write_text(SCHEMA, encoding="utf-8")
    (root / "tests" / "test_sign.py").write_text(TESTS, encoding="utf-8")
    (root / "pyproject.toml").write_text("[tool.pgassay]\nschema = 'schema.sql'\n", encoding="utf-8")
    # Half a second of each start goes to plugins that this project does not use.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:benchmark")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return Config(root=root, schema=(root / "schema.sql",), suites=(root / "tests",))


@pytest.mark.slow
def test_workers_counts_are_added_up_and_what_never_ran_is_told(project: Config, server: Server) -> None:
    found = measure_coverage(project, server, jobs=2)
    assert {(item.what, item.count) for item in found.coverage.items if item.kind == "statement"} == {
        ("if a < 0 then", 5),
        ("return 'minus';", 0),
        ("return 'plus';", 5),
    }
    assert [case.name for case in found.failed] == ["tests/test_sign.py::test_fails_anyway"]
    assert [case.name for case in found.disturbed] == ["tests/test_sign.py::test_looks_at_the_text"]
    assert found.unread == ()
    assert found.exit_code is ExitCode.SCHEMA_PROBLEM
    told = render_text(report_coverage(found))
    assert "schema.sql:4  public.sign(integer): return 'minus';" in told
    assert "1 in tests/test_sign.py" in told


def test_run_without_a_test_is_not_judged(project: Config, server: Server) -> None:
    found = measure_coverage(replace(project, suites=()), server, jobs=1)
    assert found.suites.status is Status.NOT_JUDGED
    assert found.exit_code is ExitCode.CANNOT_JUDGE
