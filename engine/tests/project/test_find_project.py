"""Which project a command is about: pure, no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.errors import ConfigError, ExitCode
from pgassay.project.find import find_project
from tests.project.project_support import put


@pytest.mark.parametrize(
    "file", ["pgassay.toml", "supabase/config.toml", "supabase/migrations/1_a.sql", "pyproject.toml"]
)
def test_project_is_found_in_the_folder_and_from_below(tmp_path: Path, file: str) -> None:
    put(tmp_path / "one" / file, "[tool.pgassay]\n" if file == "pyproject.toml" else "")
    inner = tmp_path / "one/src/deep"
    inner.mkdir(parents=True)
    put(tmp_path / "one/src/pyproject.toml", "[project]\n")
    assert find_project(tmp_path / "one") == tmp_path / "one"
    assert find_project(inner) == tmp_path / "one"
    assert find_project(tmp_path / "one" / file) == tmp_path / "one"


def test_nearest_project_wins(tmp_path: Path) -> None:
    put(tmp_path / "pyproject.toml", "[tool.pgassay]\n")
    put(tmp_path / "apps/web/supabase/config.toml", "")
    assert find_project(tmp_path / "apps/web/supabase") == tmp_path / "apps/web"
    assert find_project(tmp_path / "apps") == tmp_path


def test_only_project_below_is_taken(tmp_path: Path) -> None:
    put(tmp_path / "packages/db/supabase/config.toml", "")
    put(tmp_path / "node_modules/x/supabase/config.toml", "")
    put(tmp_path / ".cache/supabase/config.toml", "")
    assert find_project(tmp_path) == tmp_path / "packages/db"


def test_several_projects_below_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("apps/web", "apps/admin"):
        put(tmp_path / name / "supabase/config.toml", "")
    with pytest.raises(ConfigError) as caught:
        find_project(tmp_path)
    assert str(caught.value) == (
        f"There are 2 projects below {tmp_path}, and none in it.\n"
        "  apps/admin\n  apps/web\n"
        "To fix this, choose one: --project apps/admin"
    )
    assert caught.value.exit_code is ExitCode.CANNOT_JUDGE
    assert find_project(tmp_path / "apps/web") == tmp_path / "apps/web"


def test_template_below_that_is_no_toml_hides_no_project(tmp_path: Path) -> None:
    put(tmp_path / "template/pyproject.toml", "[project]\nname = {{ name }}\n")
    put(tmp_path / "packages/db/supabase/config.toml", "")
    put(tmp_path / "packages/db/pyproject.toml", "{% if x %}")
    assert find_project(tmp_path) == tmp_path / "packages/db"


def test_folder_without_a_project_is_itself(tmp_path: Path) -> None:
    assert find_project(tmp_path) == tmp_path


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no folder"):
        find_project(tmp_path / "nonesuch")
    with pytest.raises(ConfigError, match="There is no file"):
        find_project(tmp_path / "nonesuch.sql")


def test_what_lies_beside_a_file_is_not_its_project(tmp_path: Path) -> None:
    (tmp_path / "packages/db").mkdir(parents=True)
    (tmp_path / "packages/db/pgassay.toml").write_text("", encoding="utf-8")
    (tmp_path / "other.sql").write_text("", encoding="utf-8")
    assert find_project(tmp_path / "other.sql") == tmp_path
    assert find_project(tmp_path) == tmp_path / "packages/db"
