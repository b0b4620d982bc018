"""pytest sees every assertion of a pgTAP file: in its counts, in JUnit, under xdist and with --maxfail."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

import pgassay
from tests.pgtap.pgtap_support import SAMPLES, PgtapServer

pytest_plugins = ["tests.pgtap.pgtap_support", "pytester"]
pytestmark = pytest.mark.slow

CONFTEST = """
from contextlib import contextmanager
from pathlib import Path
from pgassay.errors import ServerError
from pgassay.pgtap.run import PgtapDatabase
from pgassay.pgtap.items import PGTAP_TARGET, PgtapFile

class Target:
    @contextmanager
    def open(self, file):
        if {broken}:
            raise ServerError("No server.", fixes=("start one",))
        yield PgtapDatabase(conninfo={conninfo!r}, psql=Path({psql!r}), timeout=60)

def pytest_configure(config):
    config.stash[PGTAP_TARGET] = Target()

def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".sql":
        return PgtapFile.from_parent(parent, path=file_path)
"""
PLUGINS = ("-p", "pgassay.pgtap.items", "-p", "no:cacheprovider")
XDIST = ("-p", "xdist.plugin", "-n", "2")
MIXED = ("all_pass", "one_fails", "plan_too_high", "skip_all", "skip_some", "todo_fails", "todo_passes")


@pytest.fixture
def project(
    pytester: pytest.Pytester, pgtap_embedded: PgtapServer, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """An empty project whose .sql files are pgTAP tests."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(pgassay.__file__).parents[1]), prepend=os.pathsep)
    database = pgtap_embedded.database()
    pytester.makeconftest(CONFTEST.format(broken=False, conninfo=database.conninfo, psql=str(database.psql)))
    return pytester


def add_samples(project: pytest.Pytester, *names: str) -> None:
    for name in names:
        shutil.copy(SAMPLES / f"{name}.sql", project.path)


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    if "-n" in options:
        return project.runpytest_subprocess(*PLUGINS, *options)
    return project.runpytest_inprocess(*PLUGINS, *options)


@pytest.mark.parametrize("options", [(), XDIST], ids=["alone", "xdist"])
def test_every_assertion_is_counted(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    add_samples(project, *MIXED)
    result = run(project, "--junitxml=junit.xml", "-v", *options)
    result.assert_outcomes(passed=7, failed=2, skipped=2, xfailed=1, xpassed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    suite = ElementTree.parse(project.path / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    counts = {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")}
    assert counts == {"tests": "13", "failures": "2", "skipped": "3", "errors": "0"}
    names = {f"{case.get('classname')}: {case.get('name')}" for case in suite.findall("testcase")}
    assert len(names) == 13
    assert {"all_pass.sql: 3 a table exists", "plan_too_high.sql: pgtap"} <= names


def test_each_report_has_a_node_id_and_its_own_text(project: pytest.Pytester) -> None:
    add_samples(project, "one_fails", "error_in_middle", "todo_fails", "skip_all")
    result = run(project, "-v", "-rA")
    result.stdout.fnmatch_lines_random(
        [
            "one_fails.sql::1 one is two FAILED*",
            "one_fails.sql::2 truth PASSED*",
            "todo_fails.sql::1 future XFAIL*",
            "skip_all.sql::pgtap SKIPPED (no such platform)*",
            "not ok 1 - one is two",
            "[#]         have: 1",
            "Bad plan.  You planned 2 tests but ran 1.",
            "psql exited with status 3",
            '*error_in_middle.sql:4: ERROR:  relation "no_such_table" does not exist',
            "XFAIL todo_fails.sql::1 future - not written yet",
        ]
    )


def test_failure_of_a_file_says_what_psql_said(project: pytest.Pytester) -> None:
    add_samples(project, "error_in_middle")
    run(project, "--junitxml=junit.xml")
    failures = ElementTree.parse(project.path / "junit.xml").getroot().iter("failure")
    assert ['relation "no_such_table" does not exist' in (failure.text or "") for failure in failures] == [
        True
    ]


def test_progress_ends_at_100_percent(project: pytest.Pytester) -> None:
    add_samples(project, "all_pass", "plan_too_high")
    result = run(project, "-v")
    assert "[100%]" in [
        line.split()[-1] for line in result.outlines if line.startswith("plan_too_high.sql::pgtap")
    ]
    assert not [line for line in result.outlines if "[150%]" in line or "[250%]" in line]


@pytest.mark.parametrize("options", [(), XDIST], ids=["alone", "xdist"])
def test_maxfail_counts_assertions(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    project.makefile(
        ".sql", a="select '1..4';\n" + "".join(f"select 'not ok {n} - wrong';\n" for n in range(1, 5))
    )
    result = run(project, "--maxfail=2", *options)
    result.assert_outcomes(failed=2)


def test_file_that_fails_as_a_whole_is_never_green(project: pytest.Pytester) -> None:
    add_samples(project, "error_after_end", "no_plan_at_all", "out_of_sequence")
    run(project).assert_outcomes(passed=4, failed=3)


def test_file_without_output_fails(project: pytest.Pytester) -> None:
    add_samples(project, "empty")
    run(project).assert_outcomes(failed=1)


def test_equal_and_odd_descriptions_stay_apart(project: pytest.Pytester) -> None:
    project.makefile(
        ".sql",
        odd="select '1..4';\nselect 'ok 1 - a::b <c> & \x01 d[]';\nselect 'ok 2 - same';\n"
        "select 'ok 2 - same';\nselect 'ok 4 - größer';\n",
    )
    result = run(project, "-v", "--junitxml=junit.xml")
    result.assert_outcomes(passed=4, failed=1)
    cases = ElementTree.parse(project.path / "junit.xml").getroot().iter("testcase")
    assert [case.get("name") for case in cases] == [
        "1 a: :b <c> &   d[]",
        "2 same",
        "3 (numbered 2) same",
        "4 größer",
        "pgtap",
    ]


def test_missing_server_fails_the_file_in_plain_words(project: pytest.Pytester) -> None:
    project.makeconftest(CONFTEST.format(broken=True, conninfo="", psql=""))
    add_samples(project, "all_pass")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["No server.", "To fix this, start one"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_python_tests_around_a_file_keep_their_fixtures(project: pytest.Pytester) -> None:
    """The scopes of the neighbours are set up and torn down around an item that is not theirs."""
    for name in ("a", "c"):
        directory = project.mkdir(name)
        (directory / f"test_{name}.py").write_text(
            "import pytest\n"
            "@pytest.fixture(scope='module', autouse=True)\ndef module():\n    print('up')\n    yield\n"
            f"    with open('down', 'a') as file:\n        file.write('{name}')\n"
            "def test_one():\n    pass\n",
            encoding="utf-8",
        )
    shutil.copy(SAMPLES / "all_pass.sql", project.mkdir("b"))
    run(project).assert_outcomes(passed=5)
    assert Path(project.path / "down").read_text(encoding="utf-8") == "ac"
