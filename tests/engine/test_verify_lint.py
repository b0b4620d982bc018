"""Linting reads a schema, and runs nothing of it."""

from __future__ import annotations

from pathlib import Path

from pgassay.config import Config
from pgassay.verify.lint import lint

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
