"""Linting reads a schema, and runs nothing of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.errors import CannotJudgeError
from pgassay.supabase.environments import environment_files, environment_names
from pgassay.verify.lint import lint, lint_files

pytestmark = pytest.mark.slow

ENGINE = Path(__file__).parents[2]

HOSTILE = """
-- sqlfluff:templater:jinja
-- sqlfluff:templater:jinja:library_path:{folder}/library
-- sqlfluff:templater:jinja:load_macros_from_path:{folder}/library
-- sqlfluff:templater:jinja:loader_search_path:{folder}
-- {{% include 'secret' %}}
select 1 as one;
"""
ARRAY = "select '{{1, 2}, {3, 4}}'::integer[] as matrix;\n"


def test_comments_of_a_file_neither_run_python_nor_read_other_files(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "evil.py").write_text(f"open('{tmp_path}/ran', 'w').close()\n")
    (tmp_path / "secret").write_text("\nSELECT password;\n")
    schema, companion = tmp_path / "schema.sql", tmp_path / "array.sql"
    schema.write_text(HOSTILE.lstrip().format(folder=tmp_path))
    companion.write_text(ARRAY)
    stage = lint(Config(root=tmp_path, schema=(schema,), companions=(companion,)))
    assert {finding.rule for finding in stage.findings} <= {"lint.LT05"}  # the folder's name may be long
    assert not (tmp_path / "ran").exists()


def test_sql_files_of_the_engine_have_no_fault(tmp_path: Path) -> None:
    files = [file for name in environment_names() for file in environment_files(name)]
    (tmp_path / "loud.sql").write_text("SELECT 1 as one;\n")
    found = list(lint_files((*files, tmp_path / "loud.sql"), root=ENGINE))
    assert [(f.rule, f.place.file) for f in found if f.place] == [("lint.CP01", tmp_path / "loud.sql")]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cache of the test's own, which is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pgassay"


@pytest.fixture
def linted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The names of the files of each run of sqlfluff."""
    runs: list[set[str]] = []

    def run(files: list[Path], *, root: Path) -> dict[Path, list[tuple[str, str, int]]]:
        runs.append({file.name for file in files})
        return {file: [("CP01", "Keywords", 1)] if file.name == "loud.sql" else [] for file in files}

    monkeypatch.setattr(import_module("pgassay.verify.lint"), "_run", run)
    return runs


def test_only_what_changed_is_linted_again_and_faults_are_remembered(
    tmp_path: Path, linted: list[set[str]]
) -> None:
    for name in ("loud.sql", "quiet.SQL", "other.ddl", "notes.txt"):
        (tmp_path / name).write_text(f"-- {name}\n")

    def codes() -> list[tuple[str, str, int]]:
        return [
            (f.rule, f.place.file.name, f.place.line)
            for f in lint_files((tmp_path,), root=tmp_path)
            if f.place
        ]

    assert codes() == codes() == [("lint.CP01", "loud.sql", 1)]
    (tmp_path / "quiet.SQL").write_text("-- changed\n")
    assert codes() == [("lint.CP01", "loud.sql", 1)]
    assert linted == [{"loud.sql", "quiet.SQL", "other.ddl"}, {"quiet.SQL"}]


@pytest.mark.parametrize(
    "name", ["pyproject.toml", ".sqlfluff", "sub/.sqlfluff", "sub/setup.cfg", ".sqlfluffignore"]
)
def test_rules_that_change_have_all_files_linted_again(
    tmp_path: Path, linted: list[set[str]], name: str
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.sql").write_text("select 1;\n")
    rules = "[tool.sqlfluff.core]\ndialect = 'postgres'\n"
    for text in (rules, rules.replace("postgres", "ansi")):
        (tmp_path / name).write_text(text)
        assert list(lint_files((tmp_path,), root=tmp_path)) == []
    assert linted == [{"a.sql"}, {"a.sql"}]


def test_other_parts_of_pyproject_do_not_matter(tmp_path: Path, linted: list[set[str]]) -> None:
    (tmp_path / "a.sql").write_text("select 1;\n")
    for name in ("x", "y"):
        (tmp_path / "pyproject.toml").write_text(f"[project]\nname = '{name}'\n")
        assert list(lint_files((tmp_path,), root=tmp_path)) == []
    assert linted == [{"a.sql"}]


def test_cache_that_is_broken_or_cannot_be_written_is_none(
    tmp_path: Path, cache: Path, linted: list[set[str]]
) -> None:
    (tmp_path / "a.sql").write_text("select 1;\n")
    cache.mkdir(parents=True, mode=0o700)
    (cache / "lint.json").write_text("{")
    assert list(lint_files((tmp_path / "a.sql",), root=tmp_path)) == []
    (cache / "lint.json").unlink()
    (cache / "lint.json").mkdir()
    assert list(lint_files((tmp_path / "a.sql",), root=tmp_path)) == []
    assert linted == [{"a.sql"}] * 2


def test_file_that_is_not_there_cannot_be_judged(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(CannotJudgeError, match=r"Cannot lint .*gone\.sql: No such file"):
        list(lint_files((tmp_path / "gone.sql",), root=tmp_path))
