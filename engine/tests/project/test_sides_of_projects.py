"""BASE and HEAD as projects with files and settings of their own: pure, but for git."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.config import Config, load_config
from pgassay.errors import ConfigError
from pgassay.project.revisions import Side, resolve_side
from tests.project.project_support import NOTES, WORLD, commit_all, put

MINE = "create policy mine on public.notes as restrictive using (user_id = (select auth.uid()));\n"


@pytest.fixture(params=["", "apps/web"], ids=["the whole repository", "a folder of it"])
def base(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Supabase project that is committed, in a repository or in a folder of one."""
    root = tmp_path / "repository" / str(request.param)
    put(root / "supabase/migrations/1_a.sql", NOTES)
    put(root / "supabase/migrations/2_b.sql", MINE)
    put(root / "supabase/config.toml", '[api]\nschemas = ["public", "old"]\nauto_expose_new_tables = true\n')
    put(root / "supabase/seed.sql", "select 'old seed';")
    commit_all(tmp_path / "repository", monkeypatch)
    return root


def side(base: Path, folder: Path, text: str = "HEAD") -> Side:
    return resolve_side(text, load_config(base), folder)


def names(config: Config) -> list[str]:
    return [path.name for path in (*config.schema, *config.seeds)]


def test_file_that_the_working_tree_deleted_is_part_of_base(base: Path, tmp_path: Path) -> None:
    (base / "supabase/migrations/2_b.sql").unlink()
    put(base / "supabase/migrations/3_c.sql", "select 1;")
    found = side(base, tmp_path)
    assert names(found.config) == ["1_a.sql", "2_b.sql", "seed.sql"]
    assert found.config.schema[1].read_text(encoding="utf-8") == MINE
    assert found.original(found.config.schema[1]) == base / "supabase/migrations/2_b.sql"


def test_settings_of_base_are_its_own_and_personas_those_of_now(base: Path, tmp_path: Path) -> None:
    put(base / "supabase/config.toml", '[api]\nschemas = ["new"]\n')
    put(base / "pgassay.toml", "[personas]\neve = { role = 'authenticated' }\n")
    found = side(base, tmp_path).config
    assert found.exposed == ("public", "old")
    assert list(found.personas) == ["eve"]
    assert found.root == base


def test_world_that_base_lacks_is_that_of_now_and_is_told(base: Path, tmp_path: Path) -> None:
    world = put(base / "world.sql", WORLD)
    put(base / "pgassay.toml", "world = 'world.sql'\n")
    found = side(base, tmp_path)
    assert found.config.world == world
    assert found.notes == ("HEAD has no world: its rows are those of world.sql as it is now.",)


def test_world_of_base_is_its_own(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = put(base / "world.sql", "select 'old';")
    put(base / "pgassay.toml", "world = 'world.sql'\n")
    commit_all(tmp_path / "repository", monkeypatch)
    put(world, "select 'new';")
    found = side(base, tmp_path)
    assert found.config.world
    assert found.config.world.read_text(encoding="utf-8") == "select 'old';"
    assert found.notes == ()


def test_schema_of_a_configuration_that_base_lacks_is_that_of_its_own_project(
    base: Path, tmp_path: Path
) -> None:
    put(base / "schema.sql", NOTES)
    put(base / "pgassay.toml", "schema = 'schema.sql'\nseeds = []\n")
    assert names(side(base, tmp_path).config) == ["1_a.sql", "2_b.sql", "seed.sql"]


def test_folder_is_the_project_in_it(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    put(other / "supabase/migrations/9_z.sql", "select 1;")
    found = side(base, tmp_path, str(other))
    assert names(found.config) == ["9_z.sql"]
    assert found.config.root == base


@pytest.mark.parametrize("there", ["README.md", "db/old.sql", "supabase/config.toml"])
def test_base_before_the_first_migration_has_no_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    put(tmp_path / "root" / there, "")
    commit_all(tmp_path / "root", monkeypatch)
    root = tmp_path / "root"
    put(root / "supabase/migrations/1_a.sql", NOTES)
    put(root / "supabase/config.toml", '[api]\nschemas = ["api"]\n[storage.buckets.icons]\n')
    world = put(root / "world.sql", WORLD)
    put(root / "pgassay.toml", "world = 'world.sql'\n")
    found = side(root, tmp_path)
    assert (found.is_empty, names(found.config), found.notes) == (True, [], ())
    assert (found.config.world, found.config.exposed, found.config.buckets) == (None, (), {})
    assert found.config.environment == load_config(root).environment
    assert side(root, tmp_path, "HEAD:db/old.sql" if there == "db/old.sql" else str(world)).is_empty is False


def test_projects_that_base_has_elsewhere_are_named(base: Path, tmp_path: Path) -> None:
    root = tmp_path / "repository/packages/db"
    put(root / "supabase/migrations/1_a.sql", NOTES)
    found = side(root, tmp_path)
    where = "./" if base.name == "repository" else "apps/web/"
    assert found.is_empty
    assert found.notes == (f"HEAD has projects in other folders: {where}",)


def test_schema_that_the_command_line_names_must_be_in_base(base: Path, tmp_path: Path) -> None:
    config = replace(load_config(base), schema=(put(base / "mine.sql", NOTES),))
    with pytest.raises(ConfigError, match="HEAD has none of the schema's files") as refused:
        resolve_side("HEAD", config, tmp_path)
    assert refused.value.fixes == ("name the file that was it: HEAD:path",)
    first = (base / "supabase/migrations/1_a.sql").relative_to(tmp_path / "repository")
    assert names(resolve_side(f"HEAD:{first}", config, tmp_path).config)[0] == "1_a.sql"


def test_notes_are_those_of_each_side(base: Path, tmp_path: Path) -> None:
    put(base / "supabase/config.toml", "[api]\n")
    config = load_config(base)
    assert len(config.notes) == 1
    assert resolve_side(None, config, tmp_path).notes == config.notes
    assert resolve_side(str(base), config, tmp_path).notes == config.notes
    assert side(base, tmp_path).notes == ()
