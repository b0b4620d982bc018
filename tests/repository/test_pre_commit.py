"""What `.pre-commit-hooks.yaml` offers, run as pre-commit runs it: the entry and the user's arguments."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pgassay.workbench import Workbench


@pytest.fixture
def hook(pytestconfig: pytest.Config) -> dict[str, Any]:
    text = (pytestconfig.rootpath / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    hooks: list[dict[str, Any]] = yaml.safe_load(text)
    [hook] = hooks
    return hook


@pytest.mark.parametrize(
    ("schema", "code", "verdict"),
    [("create table a (id integer);\n", 0, "good"), ("create tabel a (id integer);\n", 1, "problem")],
)
def test_hook_judges_the_schema_of_the_repository(
    hook: dict[str, Any], tmp_path: Path, workbench: Workbench, schema: str, code: int, verdict: str
) -> None:
    (tmp_path / "schema.sql").write_text(schema, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.pgassay]\nschema = 'schema.sql'\n", encoding="utf-8")
    program, *arguments = shlex.split(hook["entry"])
    installed = str(Path(sys.executable).parent / program)
    command = [installed, *arguments, "--only", "load", "--server", workbench.server.url("postgres")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.endswith(f"verdict: {verdict}\n")


def test_hook_runs_once_for_what_it_judges(hook: dict[str, Any]) -> None:
    assert (hook["language"], hook["pass_filenames"]) == ("python", False)
    names = ("schema.sql", "db/migrations/1.sql", "fixtures/access.matrix", "schema.sql.md")
    assert [bool(re.search(hook["files"], name)) for name in names] == [True, True, True, False]
