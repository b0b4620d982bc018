"""Every kind of pgTAP file gets the verdict that `pg_prove` gives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgassay.pgtap.run import find_psql, run_file
from pgassay.pgtap.verdict import Assertion, judge
from tests.pgtap.pgtap_support import SAMPLES, PgtapServer

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.pgtap.pgtap_support"]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """`tests` is one letter per assertion: passed, failed, todo failed, unexpectedly passed, skipped."""

    passed: bool
    plan: int | None
    tests: str = ""
    problems: tuple[str, ...] = ()


NO_PLAN = "No plan found in TAP output"

EXPECTED = {
    "all_pass": Expected(passed=True, plan=3, tests="ppp"),
    "any_type": Expected(passed=True, plan=1, tests="p"),
    "bail_out": Expected(passed=False, plan=1, tests="p", problems=("Bail out! database is on fire",)),
    "duplicate_number": Expected(
        passed=False, plan=3, tests="ppp", problems=("Tests out of sequence.  Found (1) but expected (2)",)
    ),
    "empty": Expected(passed=False, plan=None, problems=(NO_PLAN,)),
    "error_after_end": Expected(passed=False, plan=1, tests="p", problems=("psql exited with status 3",)),
    "error_in_middle": Expected(
        passed=False,
        plan=2,
        tests="p",
        problems=("Bad plan.  You planned 2 tests but ran 1.", "psql exited with status 3"),
    ),
    "error_tolerated": Expected(passed=True, plan=1, tests="p"),
    "escaped_hash": Expected(passed=False, plan=2, tests="fs"),
    "hash_in_description": Expected(passed=False, plan=1, tests="f"),
    "killed_psql": Expected(passed=False, plan=1, tests="p", problems=("psql was killed by signal 9",)),
    "loses_connection": Expected(passed=False, plan=1, tests="p", problems=("psql exited with status 2",)),
    "meta_commands": Expected(passed=True, plan=1, tests="p"),
    "no_plan_at_all": Expected(passed=False, plan=None, tests="p", problems=(NO_PLAN,)),
    "no_plan_called": Expected(passed=True, plan=1, tests="p"),
    "nothing": Expected(passed=False, plan=None, problems=(NO_PLAN,)),
    "one_fails": Expected(passed=False, plan=2, tests="fp"),
    "only_comments": Expected(passed=False, plan=None, problems=(NO_PLAN,)),
    "out_of_sequence": Expected(
        passed=False,
        plan=2,
        tests="pp",
        problems=(
            "Tests out of sequence.  Found (2) but expected (1)",
            "Tests out of sequence.  Found (1) but expected (2)",
        ),
    ),
    "plan_at_end": Expected(passed=True, plan=2, tests="pp"),
    "plan_in_middle": Expected(
        passed=False,
        plan=2,
        tests="pp",
        problems=("Plan (1..2) must be at the beginning or end of the TAP output",),
    ),
    "plan_too_high": Expected(
        passed=False, plan=3, tests="p", problems=("Bad plan.  You planned 3 tests but ran 1.",)
    ),
    "plan_too_low": Expected(
        passed=False, plan=1, tests="pp", problems=("Bad plan.  You planned 1 tests but ran 2.",)
    ),
    "plan_with_todo": Expected(passed=True, plan=2, tests="pt"),
    "plan_with_words": Expected(passed=False, plan=None, tests="p", problems=(NO_PLAN,)),
    "quits_early": Expected(
        passed=False, plan=2, tests="p", problems=("Bad plan.  You planned 2 tests but ran 1.",)
    ),
    "skip_all": Expected(passed=True, plan=0),
    "skip_all_then_test": Expected(
        passed=False, plan=0, tests="p", problems=("Bad plan.  You planned 0 tests but ran 1.",)
    ),
    "skip_all_without_reason": Expected(passed=True, plan=0),
    "skip_not_ok": Expected(passed=False, plan=1, tests="f"),
    "skip_some": Expected(passed=True, plan=2, tests="sp"),
    "skip_word_only": Expected(passed=False, plan=1, tests="f"),
    "subtest": Expected(passed=True, plan=1, tests="p"),
    "syntax_error": Expected(passed=False, plan=None, problems=(NO_PLAN, "psql exited with status 3")),
    "todo_fails": Expected(passed=True, plan=2, tests="tp"),
    "todo_passes": Expected(passed=True, plan=1, tests="u"),
    "todo_with_colon": Expected(passed=True, plan=1, tests="t"),
    "two_plans": Expected(
        passed=False, plan=1, tests="p", problems=("More than one plan found in TAP output",)
    ),
    "unicode": Expected(passed=True, plan=1, tests="p"),
    "version_12": Expected(
        passed=False,
        plan=1,
        tests="p",
        problems=("Explicit TAP version must be at least 13. Got version 12",),
    ),
    "version_13": Expected(passed=True, plan=1, tests="p"),
    "version_late": Expected(
        passed=False,
        plan=1,
        tests="p",
        problems=("If TAP version is present it must be the first line of output",),
    ),
    "without_numbers": Expected(passed=True, plan=2, tests="pp"),
}


def letter(assertion: Assertion) -> str:
    if not assertion.passed:
        return "f"
    if assertion.directive == "todo":
        return "u" if assertion.ok else "t"
    return "s" if assertion.directive == "skip" else "p"


def test_every_sample_has_an_expectation() -> None:
    assert {path.stem for path in SAMPLES.glob("*.sql")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_gets_its_verdict(name: str, pgtap_server: PgtapServer) -> None:
    verdict = run_file(SAMPLES / f"{name}.sql", pgtap_server.database())
    seen = Expected(
        passed=verdict.passed,
        plan=verdict.plan.count if verdict.plan else None,
        tests="".join(map(letter, verdict.assertions)),
        problems=verdict.problems,
    )
    assert seen == EXPECTED[name]


@pytest.fixture(scope="session")
def pg_prove_summary(pgtap_embedded: PgtapServer) -> dict[str, str]:
    """What `pg_prove` complains of in each sample; a bail-out would end the whole run."""
    if shutil.which("pg_prove") is None:
        pytest.skip("pg_prove is not installed to compare with")
    _, report = run_pg_prove(pgtap_embedded, *(name for name in EXPECTED if name != "bail_out"))
    complaints = re.split(r"^(\w+)\.sql +(?=\(Wstat)", report.partition("Test Summary Report")[2], flags=re.M)
    return dict(zip(complaints[1::2], complaints[2::2], strict=True))


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "bail_out"])
def test_pg_prove_agrees(name: str, pg_prove_summary: dict[str, str]) -> None:
    complaint = pg_prove_summary.get(name, "(Wstat: 0 Tests: 0 Failed: 0)")
    errors = re.search(r"Parse errors: (.*(?:\n {10}.*)*)", complaint)
    parse_errors = [line.strip() for line in errors[1].splitlines()] if errors else []
    clean = re.match(r"\(Wstat: 0 Tests: \d+ Failed: 0\)", complaint) is not None
    assert (clean and not parse_errors) is EXPECTED[name].passed
    assert parse_errors == [problem for problem in EXPECTED[name].problems if not problem.startswith("psql ")]


def test_pg_prove_exits_as_the_verdicts_say(
    pg_prove_summary: dict[str, str], pgtap_embedded: PgtapServer
) -> None:
    status, report = run_pg_prove(
        pgtap_embedded, *(name for name, expected in EXPECTED.items() if expected.passed)
    )
    assert status == 0, report
    status, report = run_pg_prove(pgtap_embedded, "bail_out")
    assert status != 0, report


def run_pg_prove(where: PgtapServer, *names: str) -> tuple[int, str]:
    """Exit status and standard output of one run over these samples."""
    server = where.server
    address = ["-h", server.host, "-p", str(server.port), "-U", server.user, "-d", where.name]
    files = [f"{name}.sql" for name in names]
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run(
        ["pg_prove", "--psql-bin", str(find_psql(server.bin_dir)), *address, "--ext", ".sql", *files],
        cwd=SAMPLES,
        env=own | {"PGOPTIONS": "-c search_path=public,extensions"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


def judged(*lines: str, exit_status: int = 0) -> tuple[bool, str]:
    verdict = judge(Path("t.sql"), "\n".join(lines), exit_status=exit_status)
    return verdict.passed, "".join(map(letter, verdict.assertions))


def test_diagnostics_go_with_the_assertion_they_follow() -> None:
    first = "# before\n1..2\nnot ok 1 - a\n# Failed test 1\n#   have: 1\n"
    second = "ok 2 - b\n# Looks like you failed 1 test of 2\n"
    verdict = judge(Path("t.sql"), first + second, exit_status=0)
    assert [assertion.diagnostics for assertion in verdict.assertions] == [
        ("# Failed test 1", "#   have: 1"),
        (),
    ]


def test_description_is_shown_without_dash_and_escapes() -> None:
    verdict = judge(Path("t.sql"), "1..1\nok 1 - issue \\#5 # TODO later", exit_status=0)
    assert verdict.assertions == (
        Assertion(number=1, description="issue #5", ok=True, directive="todo", reason="later"),
    )


@pytest.mark.parametrize(
    "line", ["1234", "1ab50000-0000-4000-8000-000000000001", "okay", "not okay", " 1..9"]
)
def test_row_that_only_looks_like_tap_is_ignored(line: str) -> None:
    assert judged("1..1", line, "ok 1") == (True, "p")


def test_line_separators_of_unicode_do_not_end_a_line() -> None:
    assert judged("1..1", "ok 1 - a\u2028not ok 2 - b\x0bc\x85d") == (True, "p")


def test_exit_status_alone_fails_a_file() -> None:
    assert judged("1..1", "ok 1", exit_status=3) == (False, "p")


def test_bail_out_fails_a_file_even_indented_and_without_reason() -> None:
    verdict = judge(Path("t.sql"), "1..0\n   Bail out!", exit_status=0)
    assert (verdict.passed, verdict.problems) == (False, ("Bail out!",))


def test_later_version_of_tap_is_refused() -> None:
    verdict = judge(Path("t.sql"), "TAP version 14\n1..1\nok 1", exit_status=0)
    assert verdict.problems == ("TAP specified version 14 but we don't know about versions later than 13",)


def test_skipped_file_gives_its_reason() -> None:
    verdict = judge(Path("t.sql"), "1..0 # SKIP wrong platform", exit_status=0)
    assert verdict.plan is not None
    assert (verdict.skipped, verdict.plan.reason) == (True, "wrong platform")
