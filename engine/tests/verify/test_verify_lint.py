"""Linting reads a schema, and runs nothing of it."""

from __future__ import annotations

from pathlib import Path

from pgassay.config import Config
from pgassay.supabase.environments import environment_files, environment_names
from pgassay.verify.lint import lint, lint_files

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
    assert [(finding.rule, finding.file) for finding in found] == [("lint.CP01", tmp_path / "loud.sql")]
