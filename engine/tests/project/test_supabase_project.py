"""Files and settings of a Supabase project, as its CLI reads them: pure, no server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.config import DEFAULT_PERSONAS, load_config
from pgassay.errors import ConfigError, ExitCode
from pgassay.supabase.project import read_supabase_project
from pgassay.supabase.settings_file import Bucket, Settings, read_settings
from tests.project.project_support import put


def migrations(root: Path, *names: str) -> None:
    for name in names:
        put(root / "supabase/migrations" / name, "select 1;")


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def settings(root: Path, text: str) -> Settings:
    return read_settings(put(root / "supabase/config.toml", text))


def test_roles_come_first_then_migrations_by_the_bytes_of_their_names(tmp_path: Path) -> None:
    migrations(tmp_path, "2_b.sql", "10_a.sql", "1_Z.sql", "1_a.sql", "1_.sql")
    put(tmp_path / "supabase/roles.sql", "select 1;")
    found = read_supabase_project(tmp_path)
    assert names(found.schema) == ["roles.sql", "10_a.sql", "1_.sql", "1_Z.sql", "1_a.sql", "2_b.sql"]


def test_what_is_no_migration_is_skipped_and_said(tmp_path: Path) -> None:
    migrations(tmp_path, "1_a.sql", "old.sql", "x1_a.sql", "2-b.sql", "3_c.SQL", "README.md")
    (tmp_path / "supabase/migrations/4_d.sql").mkdir()
    found = read_supabase_project(tmp_path)
    assert names(found.schema) == ["1_a.sql"]
    assert [note.split(":")[0] for note in found.notes] == [
        "Skipped 2-b.sql",
        "Skipped old.sql",
        "Skipped x1_a.sql",
    ]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("20211208235959_init.sql", False),
        ("20211209000000_init.sql", True),
        ("20200101000000_first.sql", True),
    ],
)
def test_first_migration_of_old_versions_is_skipped(tmp_path: Path, name: str, kept: bool) -> None:
    migrations(tmp_path, name, "20220101000000_b.sql", "20220102000000_init.sql")
    found = read_supabase_project(tmp_path)
    assert (name in names(found.schema)) is kept
    assert len(found.notes) == (0 if kept else 1)


def test_number_that_two_migrations_have_is_told(tmp_path: Path) -> None:
    migrations(tmp_path, "1_a.sql", "1_b.sql", "2_c.sql")
    found = read_supabase_project(tmp_path)
    assert names(found.schema) == ["1_a.sql", "1_b.sql", "2_c.sql"]
    assert [note.split(":")[0] for note in found.notes] == ["1_a.sql, 1_b.sql have the same number"]


def test_disabled_migrations_are_none(tmp_path: Path) -> None:
    migrations(tmp_path, "1_a.sql")
    put(tmp_path / "supabase/config.toml", "[db.migrations]\nenabled = false\n")
    assert read_supabase_project(tmp_path).schema == ()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ('schema_paths = ["./schemas/b.sql", "schemas/*.sql"]', ["b.sql", "a.sql"]),
        ('schema_paths = ["schemas/**/*.sql"]', ["c.sql"]),  # as in Go, ** is one folder
        ("", ["a.sql", "b.sql", "c.sql"]),
    ],
)
def test_declared_schema_serves_where_there_are_no_migrations(
    tmp_path: Path, config: str, expected: list[str]
) -> None:
    for name in ("a.sql", "b.sql", "more/c.sql"):
        put(tmp_path / "supabase/schemas" / name, "select 1;")
    put(tmp_path / "supabase/config.toml", f"[db.migrations]\n{config}\n")
    assert names(read_supabase_project(tmp_path).schema) == expected
    migrations(tmp_path, "1_x.sql")
    assert names(read_supabase_project(tmp_path).schema) == ["1_x.sql"]


@pytest.mark.parametrize(
    ("config", "expected", "notes"),
    [
        ("", ["seed.sql"], 0),
        ("enabled = false", [], 0),
        ('sql_paths = ["./seeds/*.sql", "seed.sql", "./seeds/1.sql"]', ["1.sql", "2.sql", "seed.sql"], 0),
        ('sql_paths = ["../outside.sql"]', ["outside.sql"], 0),
        ('sql_paths = ["./seeds/[^2]*.sql"]', ["1.sql"], 0),
        ('sql_paths = ["./none/*.sql"]', [], 1),
    ],
)
def test_seeds_are_those_of_the_patterns(
    tmp_path: Path, config: str, expected: list[str], notes: int
) -> None:
    for name in ("supabase/seed.sql", "supabase/seeds/2.sql", "supabase/seeds/1.sql", "outside.sql"):
        put(tmp_path / name, "select 1;")
    put(tmp_path / "supabase/config.toml", f"[db.seed]\n{config}\n")
    found = read_supabase_project(tmp_path)
    assert (names(found.seeds), len(found.notes)) == (expected, notes)


def test_brackets_above_the_project_are_no_pattern(tmp_path: Path) -> None:
    root = tmp_path / "[app]" / "a*b"
    put(root / "supabase/seed.sql", "")
    put(root / "supabase/seeds/1.sql", "")
    put(root / "supabase/config.toml", '[db.seed]\nsql_paths = ["./seed.sql", "./seeds/[0-9].sql"]')
    assert names(read_supabase_project(root).seeds) == ["seed.sql", "1.sql"]


def test_text_with_commas_stands_for_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_SCHEMAS", "public, api")
    text = '[api]\nschemas = "env(API_SCHEMAS)"\n[db.seed]\nsql_paths = "./a.sql,./b.sql"'
    read = settings(tmp_path, text)
    assert (read.schemas, read.seeds) == (("public", "api"), ("./a.sql", "./b.sql"))


def test_settings_that_a_database_can_notice_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "pg-functions://postgres/public/shape_token")
    monkeypatch.delenv("UNSET", raising=False)
    found = settings(
        tmp_path,
        """
        project_id = "x"
        [api]
        schemas = ["api", "public", "api"]
        extra_search_path = ["public", "extensions"]
        auto_expose_new_tables = false
        max_rows = "env(UNSET)"
        [db]
        major_version = "17"
        [storage]
        file_size_limit = "50MiB"
        [storage.buckets.Avatars]
        public = true
        allowed_mime_types = ["image/png"]
        [storage.buckets.small]
        file_size_limit = "5kB"
        [auth]
        enable_anonymous_sign_ins = true
        [auth.hook.custom_access_token]
        enabled = true
        uri = "env(HOOK)"
        [auth.hook.send_email]
        enabled = true
        uri = "https://example.com"
        [auth.hook.before_user_created]
        enabled = false
        uri = "pg-functions://postgres/public/no"
        [remotes.staging]
        project_id = "abcdefghijklmnopqrst"
        [remotes.staging.db]
        major_version = "not read"
        """,
    )
    assert found == Settings(
        schemas=("api", "public"),
        search_path=("public", "extensions"),
        expose_new_tables=False,
        major_version=17,
        buckets={
            "avatars": Bucket(public=True, file_size_limit=50 * 1024**2, allowed_mime_types=("image/png",)),
            "small": Bucket(file_size_limit=5 * 1024),
        },
        anonymous_sign_ins=True,
        hooks={"custom_access_token": "public.shape_token"},
    )


def test_byte_order_mark_and_cr_lf_of_the_settings_do_not_matter(tmp_path: Path) -> None:
    assert settings(tmp_path, "\ufeff[db]\r\nmajor_version = 15\r\n").major_version == 15


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[db\n", "Cannot read {}: Expected ']' at the end of a table declaration (at line 1, column 4)"),
        ("[db]\nmajor_version = []\n", "db.major_version in {}: Expected `int | null`, got `array`"),
        ("[api]\nschemas = 1\n", "api.schemas in {}: Expected `str | array`, got `int`"),
        ("[db.seed]\nenabled = 'often'\n", "db.seed.enabled in {}: Expected `bool`, got `str`"),
        ("[storage.buckets.a]\nfile_size_limit = 'big'\n", "file_size_limit in {}: 'big' is no size"),
    ],
)
def test_broken_settings_are_one_sentence_with_the_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    assert caught.value.what == sentence.format(tmp_path / "supabase/config.toml")
    assert caught.value.exit_code is ExitCode.CANNOT_JUDGE


def test_configured_keys_win_over_the_project_of_the_cli(tmp_path: Path) -> None:
    migrations(tmp_path, "1_a.sql")
    put(tmp_path / "supabase/seed.sql", "select 1;")
    put(tmp_path / "supabase/config.toml", '[api]\nschemas = ["api"]\n[db]\nmajor_version = 15\n')
    put(tmp_path / "other.sql", "select 1;")
    put(tmp_path / "pgassay.toml", 'schema = "other.sql"\nmajor_version = 17\n')
    config = load_config(tmp_path)
    assert (names(config.schema), names(config.seeds)) == (["other.sql"], ["seed.sql"])
    assert (config.exposed, config.major_version) == (("api",), 17)


def test_pgassay_toml_wins_over_pyproject(tmp_path: Path) -> None:
    put(tmp_path / "pyproject.toml", "[tool.pgassay]\nstatement_timeout = 1\n")
    put(tmp_path / "pgassay.toml", "statement_timeout = 2\n")
    assert load_config(tmp_path).statement_timeout == 2


def test_unknown_key_of_pgassay_toml_is_named(tmp_path: Path) -> None:
    path = put(tmp_path / "pgassay.toml", "schemas = 'a.sql'\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert caught.value.what == f"{path}: unknown key schemas"


def test_guest_tries_too_where_anonymous_sign_ins_are_on(tmp_path: Path) -> None:
    migrations(tmp_path, "1_a.sql")
    assert load_config(tmp_path).personas == DEFAULT_PERSONAS
    assert load_config(tmp_path).anonymous_sign_ins is None
    put(tmp_path / "supabase/config.toml", "[auth]\n")
    assert load_config(tmp_path).anonymous_sign_ins is False
    put(tmp_path / "supabase/config.toml", "[auth]\nenable_anonymous_sign_ins = true\n")
    personas = load_config(tmp_path).personas
    assert list(personas) == [*DEFAULT_PERSONAS, "guest"]
    assert (personas["guest"].role, personas["guest"].claims["is_anonymous"]) == ("authenticated", True)
