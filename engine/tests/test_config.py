"""Reading [tool.pgassay]."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pgassay.config import DEFAULT_PERSONAS, Config, find_root, load_config
from pgassay.errors import ConfigError, ExitCode
from pgassay.supabase.environments import environment_files


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.pgassay]\n{table}\n", encoding="utf-8")
    return folder


def test_defaults_hold_without_a_configuration(tmp_path: Path) -> None:
    platform = environment_files("supabase")
    assert load_config(tmp_path) == Config(
        root=tmp_path,
        environment=platform,
        personas=DEFAULT_PERSONAS,
        fill_world=True,
        find_personas=True,
    )


def test_a_statement_of_a_file_may_take_as_long_as_on_the_platform(tmp_path: Path) -> None:
    assert load_config(tmp_path).statement_timeout == 2 * 60


def test_world_auto_is_no_file_and_can_be_left_as_it_is(tmp_path: Path) -> None:
    config = load_config(project(tmp_path, 'world = "auto"\nfill_world = false'))
    assert (config.world, config.fill_world) == (None, False)
    assert load_config(project(tmp_path, "personas.eve = { role = 'anon' }")).find_personas is False


def test_own_environment_brings_its_own_personas(tmp_path: Path) -> None:
    config = load_config(project(tmp_path, "environment = []"))
    assert (config.environment, config.personas) == ((), {})


def test_patterns_expand_in_sorted_order(tmp_path: Path) -> None:
    for name in ("20-b.sql", "10-a.sql", "notes.txt"):
        (tmp_path / name).touch()
    config = load_config(project(tmp_path, 'environment = ["*.sql"]'))
    assert config.environment == (tmp_path / "10-a.sql", tmp_path / "20-b.sql")


def test_platform_of_the_engine_is_named_alone_or_before_files(tmp_path: Path) -> None:
    (tmp_path / "supabase").mkdir()  # a project's own folder of that name does not hide it
    (tmp_path / "more.sql").touch()
    alone = load_config(project(tmp_path, 'environment = "supabase"')).environment
    names = [file.name for file in alone]
    assert (names[0], names[-1]) == ("10-roles.sql", "90-default-privileges.sql")
    listed = load_config(project(tmp_path, 'environment = ["supabase", "more.sql"]')).environment
    assert listed == (*alone, tmp_path / "more.sql")
    assert load_config(project(tmp_path, 'schema = "supabase"')).schema == (tmp_path / "supabase",)


def test_persona_has_a_role_and_keeps_the_rest_as_claims(tmp_path: Path) -> None:
    config = load_config(
        project(tmp_path, 'personas.eve = { role = "authenticated", sub = "e", admin = true }')
    )
    assert config.personas["eve"].role == "authenticated"
    assert config.personas["eve"].claims == {"sub": "e", "admin": True}


def test_baseline_need_not_be_there_yet(tmp_path: Path) -> None:
    config = load_config(project(tmp_path, "baseline = 'access.matrix'"))
    assert config.baseline == tmp_path / "access.matrix"


def test_rows_say_whose_a_tables_rows_are(tmp_path: Path) -> None:
    path = "job_id -> public.jobs.user_id"
    assert load_config(project(tmp_path, f"rows.'public.logs' = '{path}'")).rows == {"public.logs": path}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ('schemas = "a.sql"', "[tool.pgassay] of PYPROJECT: unknown key schemas"),
        ('schema = "missing.sql"', "schema in [tool.pgassay] names 'missing.sql'"),
        ('environment = ["none/*.sql"]', "environment in [tool.pgassay] names 'none/*.sql'"),
        ("server = 5", "server in [tool.pgassay] of PYPROJECT: Expected `str`, got `int`"),
        (
            "statement_timeout = true",
            "statement_timeout in [tool.pgassay] of PYPROJECT: Expected `int`, got `bool`",
        ),
        ('personas.eve = { sub = "e" }', "personas.eve in [tool.pgassay] has no role"),
        ("schema = [", "Cannot read"),
        ("world = []", "world in [tool.pgassay] must name one file, not 0"),
        ('world = ["*.toml", "pyproject.toml"]', "world in [tool.pgassay] must name one file, not 2"),
        ('schema = ["/nonesuch/*.sql"]', "schema in [tool.pgassay] names '/nonesuch/*.sql'"),
        ('schema = ["\\u0000"]', "schema in [tool.pgassay] names '\\x00'"),
        ('owner = ""', "owner in [tool.pgassay] of PYPROJECT: Expected `str` of length >= 1"),
        ('server = ""', "server in [tool.pgassay] of PYPROJECT: Expected `str` of length >= 1"),
        (
            'personas.eve = { role = "" }',
            "role of personas.eve in [tool.pgassay]: Expected `str` of length >= 1",
        ),
        ('baseline = ""', "baseline in [tool.pgassay] of PYPROJECT: Expected `str` of length >= 1"),
        ("baseline = ['a']", "baseline in [tool.pgassay] of PYPROJECT: Expected `str`, got `array`"),
        ("rows = 'a'", "rows in [tool.pgassay] of PYPROJECT: Expected `object`, got `str`"),
        ("rows.'public.logs' = 3", "rows.public.logs in [tool.pgassay]: Expected `str`, got `int`"),
        ("rows.'public.logs' = ''", "rows.public.logs in [tool.pgassay]: Expected `str` of length >= 1"),
        ("statement_timeout = 0", "statement_timeout in [tool.pgassay] of PYPROJECT: Expected `int` >= 1"),
        ("statement_timeout = -5", "statement_timeout in [tool.pgassay] of PYPROJECT: Expected `int` >= 1"),
        (
            "statement_timeout = 2147484",
            "statement_timeout in [tool.pgassay] of PYPROJECT: Expected `int` <= 2147483",
        ),
    ],
)
def test_bad_configuration_is_named(tmp_path: Path, table: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(project(tmp_path, table))
    assert caught.value.what.startswith(sentence.replace("PYPROJECT", str(tmp_path / "pyproject.toml")))
    assert caught.value.exit_code is ExitCode.CANNOT_JUDGE


def test_way_out_is_that_of_the_mistake(tmp_path: Path) -> None:
    for table, fix in {
        "servr = 5": "use one of: anonymous_sign_ins, ",
        "server = 5": "give it what is expected",
        "pgtap_database = 'none'": "give it one of: file, folder",
    }.items():
        with pytest.raises(ConfigError) as caught:
            load_config(project(tmp_path, table))
        assert caught.value.fixes[0].startswith(fix)


def test_root_is_the_nearest_folder_with_a_table(tmp_path: Path) -> None:
    project(tmp_path, "")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    assert find_root(inner) == tmp_path


def test_absolute_pattern_is_no_less_than_an_absolute_name(tmp_path: Path) -> None:
    (tmp_path / "a.sql").touch()
    config = load_config(project(tmp_path, f'schema = ["{tmp_path}/*.sql"]'))
    assert config.schema == (tmp_path / "a.sql",)


def test_tool_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\[tool\] of .*pyproject\.toml: Expected `object`, got `int`"):
        load_config(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that even root cannot read")
def test_unreadable_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").symlink_to("/proc/self/mem")
    with pytest.raises(ConfigError, match=r"Cannot read .*/pyproject\.toml: Input/output error"):
        find_root(tmp_path)
