"""BASE and HEAD as projects with files and settings of their own: pure, but for git."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.config import Config, load_config
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
