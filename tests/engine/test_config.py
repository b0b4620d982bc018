"""Reading [tool.pgassay]."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.config import Config, find_root, load_config
from pgassay.errors import ConfigError, ExitCode


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.pgassay]\n{table}\n", encoding="utf-8")
    return folder


def test_defaults_hold_without_a_pyproject(tmp_path: Path) -> None:
    assert load_config(tmp_path) == Config(root=tmp_path)


def test_patterns_expand_in_sorted_order(tmp_path: Path) -> None:
    for name in ("20-b.sql", "10-a.sql", "notes.txt"):
        (tmp_path / name).touch()
    config = load_config(project(tmp_path, 'environment = ["*.sql"]'))
    assert config.environment == (tmp_path / "10-a.sql", tmp_path / "20-b.sql")


def test_persona_has_a_role_and_keeps_the_rest_as_claims(tmp_path: Path) -> None:
    config = load_config(
        project(tmp_path, 'personas.eve = { role = "authenticated", sub = "e", admin = true }')
    )
    assert config.personas["eve"].role == "authenticated"
    assert config.personas["eve"].claims == {"sub": "e", "admin": True}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('schemas = "a.sql"', "Unknown key in [tool.pgassay]: schemas"),
        ('schema = "missing.sql"', "schema in [tool.pgassay] names 'missing.sql'"),
        ('environment = ["none/*.sql"]', "environment in [tool.pgassay] names 'none/*.sql'"),
        ("server = 5", "server must be a str, not 5"),
        ("statement_timeout = true", "statement_timeout must be a int, not True"),
        ('personas.eve = { sub = "e" }', "personas.eve has no role"),
        ("schema = [", "Cannot read"),
    ],
)
def test_bad_configuration_is_named(tmp_path: Path, table: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(project(tmp_path, table))
    assert caught.value.what.startswith(sentence)
    assert caught.value.exit_code is ExitCode.CANNOT_JUDGE


def test_root_is_the_nearest_folder_with_a_table(tmp_path: Path) -> None:
    project(tmp_path, "")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    assert find_root(inner) == tmp_path
