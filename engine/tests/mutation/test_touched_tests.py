"""`--since` leaves out tests that the change cannot touch; where that is not known, none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pgassay.config import Config, load_config
from pgassay.errors import ExitCode
from pgassay.mutation.model import MutationCampaign
from pgassay.mutation.plan import Selection
from pgassay.mutation.report import report_mutants
from pgassay.mutation.run import Options, run_campaign
from pgassay.mutation.runner import RedReferenceError
from pgassay.mutation.touched import choose_tests
from pgassay.project.revisions import Side, resolve_side
from pgassay.render.report import render_text
from pgassay.server import Server
from pgassay.verdict import Counts
from pgassay.verify import verify
from tests.mutation.mutation_support import SCHEMA

pytestmark = pytest.mark.slow

NOTES = "tests/test_notes.py::"
Change = Callable[[str, str, str], tuple[Config, Side]]


@pytest.fixture
def change(campaign: MutationCampaign, project: Config, tmp_path: Path) -> Change:
    """The project after a text in one of its files became another, and its schema before."""
    base = tmp_path / "base.sql"
    base.write_text(SCHEMA, encoding="utf-8")

    def make(name: str, old: str, new: str) -> tuple[Config, Side]:
        root = shutil.copytree(project.root, tmp_path / "copy")
        text = (root / name).read_text(encoding="utf-8")
        assert old in text
        (root / name).write_text(text.replace(old, new), encoding="utf-8")
        config = load_config(root)
        return config, resolve_side(str(base), config, tmp_path)

    return make


@pytest.fixture
def unshrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of Hypothesis under which the project's suite can be collected outside a run over mutants."""
    phases = (
        "from hypothesis import Phase, settings\nsettings.register_profile('p', phases=(Phase.generate,))\n"
    )
    (tmp_path / "unshrunk.py").write_text(f"{phases}settings.load_profile('p')\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p unshrunk -p no:pytest_postgresql -p no:benchmark")


@pytest.mark.usefixtures("unshrunk")
def test_test_that_only_reads_is_left_out_when_a_constraint_changed(change: Change, server: Server) -> None:
    config, base = change("schema.sql", "between 0 and 5", "between 0 and 9")
    choice = choose_tests(config, base, server)
    assert choice.left_out == (f"{NOTES}test_user_sees_own_notes",)
    verdict = verify(config, server, only=("suites",), since=base)
    assert verdict.counts("tests") == Counts(passed=2, failed=1)
    assert [finding.message for finding in verdict.findings] == [f"{NOTES}test_stars_end_at_5"]
    assert verdict.exit_code is ExitCode.SCHEMA_PROBLEM
    assert verdict.stages[-1].detail.endswith(
        f"\nLeft out: 1 of 4 tests, which what changed since {base.label} cannot touch."
    )


def test_policy_that_changed_touches_who_is_under_it(change: Change, server: Server) -> None:
    config, base = change("schema.sql", "using (owner = auth.uid())", "using (true)")
    assert f"{NOTES}test_user_sees_own_notes" not in choose_tests(config, base, server).left_out


def test_column_that_came_touches_who_reads_its_table(change: Change, server: Server) -> None:
    config, base = change("schema.sql", "owner uuid not null", "more text, owner uuid not null")
    assert choose_tests(config, base, server).left_out == ()


def test_file_of_tests_that_changed_runs_whole(change: Change, server: Server) -> None:
    config, base = change("tests/test_notes.py", "== 1\n", "== 1  # still\n")
    choice = choose_tests(config, base, server)
    assert (choice.left_out, choice.told[:9]) == ((), "Left out:")


def test_comment_touches_nobody_who_does_not_ask_for_comments(change: Change, server: Server) -> None:
    config, base = change(
        "schema.sql", "\ncreate trigger", "\ncomment on table public.notes is 'x';\ncreate trigger"
    )
    assert len(choose_tests(config, base, server).left_out) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "why"),
    [
        (
            "schema.sql",
            "create trigger prices",
            "alter table public.notes set (fillfactor = 50);\ncreate trigger prices",
            "no footprint tells",
        ),
        (
            "schema.sql",
            "create trigger prices",
            "create sequence s; alter sequence s restart with 5;\ncreate trigger prices",
            "this may do more than define an object: alter sequence",
        ),
        ("schema.sql", "('note', 3)", "('notes', 3)", "this may do more than define an object: insert into"),
        ("world.sql", "0);", "1);", "world.sql is not what it was"),
        ("pyproject.toml", "[tool.pgassay]", "[tool.other]\n[tool.pgassay]", "pyproject.toml is not what it"),
    ],
)
def test_where_it_is_not_known_who_can_notice_everything_runs(
    change: Change, server: Server, name: str, old: str, new: str, why: str
) -> None:
    choice = choose_tests(*change(name, old, new), server)
    assert choice.left_out == ()
    assert choice.told.startswith(f"Every test ran: {why}")


def test_without_footprints_everything_runs(change: Change, server: Server) -> None:
    config, base = change("schema.sql", "between 0 and 5", "between 0 and 9")
    (config.root / "build" / "mutation.reference.json").unlink()
    choice = choose_tests(config, base, server)
    assert choice.left_out == ()
    assert choice.told == "Every test ran: no footprints are there, which pgassay mutate notes."


def test_mutants_of_a_change_need_no_reference_run_of_what_it_cannot_touch(
    change: Change, server: Server
) -> None:
    config, base = change("schema.sql", "between 0 and 5", "between 0 and 5 and stars <> 7")
    kept = (config.root / "build" / "mutation.reference.json").read_bytes()
    options = Options(selection=Selection(only=("ShiftBound",)), base=base)
    found = run_campaign(config, server, options)
    assert (found.untouched, found.tests, found.resumed) == (1, 3, 0)
    assert (len(found.killed), len(found.survived)) == (2, 1)
    told = render_text(report_mutants(found))
    assert "not run without a mutant: 1 test that the change cannot touch" in told
    assert (config.root / "build" / "mutation.reference.json").read_bytes() == kept
    (config.root / "schema.sql").write_text(SCHEMA, encoding="utf-8")
    again = run_campaign(config, server, Options(selection=Selection(only=("DropNotNull",))))
    assert (again.untouched, again.tests) == (0, 3)
    assert (config.root / "build" / "mutation.reference.json").read_bytes() == kept


def test_test_that_the_change_touches_must_still_pass(change: Change, server: Server) -> None:
    config, base = change("schema.sql", "between 0 and 5", "between 0 and 9")
    with pytest.raises(RedReferenceError, match="1 test fails on the schema itself") as caught:
        run_campaign(config, server, Options(base=base))
    assert "test_stars_end_at_5" in caught.value.why
