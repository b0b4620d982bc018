"""What BASE and HEAD name: a file, a revision, or a file of a revision."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pgassay.config import Config
from pgassay.database import read_script
from pgassay.errors import ConfigError, SchemaError
from pgassay.project.revisions import named_by_revision, resolve_side


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A repository with a space in its path; the second revision, tagged new, has a companion more."""
    root = tmp_path / "a project"
    (root / "sql").mkdir(parents=True)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, "/dev/null")
    for name, text in {"schema.sql": "select 1;", "sql/world.sql": "select 'old';"}.items():
        (root / name).write_text(text, encoding="utf-8")
    git(root, "init", "--quiet")
    commit(root, "old")
    (root / "schema.sql").write_text("select 2;", encoding="utf-8")
    (root / "storage.sql").write_text("select 3;", encoding="utf-8")
    commit(root, "new")
    (root / "schema.sql").write_text("select 4;", encoding="utf-8")
    return Config(
        root=root,
        schema=(root / "schema.sql",),
        companions=(root / "storage.sql",),
        world=root / "sql" / "world.sql",
    )


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", root, *who, *arguments], check=True, capture_output=True)


def commit(root: Path, tag: str) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", tag)
    git(root, "tag", tag)


def texts(*paths: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in paths]


def test_nothing_named_is_the_working_tree(project: Config, tmp_path: Path) -> None:
    assert resolve_side(None, project, tmp_path).config == project


def test_revision_brings_all_files_it_has_and_says_which_it_has_not(project: Config, tmp_path: Path) -> None:
    side = resolve_side("old", project, tmp_path)
    assert side.config.world is not None
    assert texts(*side.config.schema, side.config.world) == ["select 1;", "select 'old';"]
    assert [side.original(path) for path in side.config.schema] == list(project.schema)
    assert side.config.companions == ()
    assert side.notes == ("old has no storage.sql.",)
    assert texts(*resolve_side("new", project, tmp_path).config.companions) == ["select 3;"]


def test_file_of_a_revision_is_the_whole_schema(project: Config, tmp_path: Path) -> None:
    side = resolve_side("new:schema.sql", project, tmp_path)
    assert texts(*side.config.schema) == ["select 2;"]
    assert side.label == "new:schema.sql"


def test_path_is_the_whole_schema_and_wins_over_a_revision(project: Config, tmp_path: Path) -> None:
    path = tmp_path / "other.sql"
    path.write_text("select 5;", encoding="utf-8")
    assert resolve_side(str(path), project, tmp_path).config.schema == (path,)


@pytest.mark.parametrize(
    "text", ["nonesuch", "nonesuch:schema.sql", "--help", "", ":schema.sql", "--upload-pack=x"]
)
def test_what_is_neither_is_refused(project: Config, tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="is neither a file nor a revision that git knows") as refused:
        resolve_side(text, project, tmp_path)
    assert len(refused.value.fixes) == 2
    with pytest.raises(ConfigError, match="not a git repository") as outside:
        resolve_side(text, replace(project, root=tmp_path), tmp_path)
    assert outside.value.fixes == ("give a path to a schema",)


def test_missing_file_of_a_revision_is_refused(project: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no file old:nonesuch\.sql"):
        resolve_side("old:nonesuch.sql", project, tmp_path)
    inner = replace(project, root=project.root / "sql")
    assert texts(*resolve_side("old:schema.sql", inner, tmp_path).config.schema) == ["select 1;"]


@pytest.mark.parametrize("inside", [False, True], ids=["elsewhere", "below the working directory"])
def test_error_names_the_file_of_a_revision_and_not_its_copy(
    project: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    monkeypatch.chdir(tmp_path if inside else project.root)
    side = resolve_side("old", project, tmp_path / "copies")
    place = read_script(side.config.schema[0]).place(0)
    with pytest.raises(SchemaError) as raised, named_by_revision(side):
        raise SchemaError(f"{place}: it fails", place=place, why=f"see {place.file}")
    assert (raised.value.what, raised.value.why) == ("old:schema.sql:1:1: it fails", "see old:schema.sql")
    assert raised.value.place == replace(place, file=project.schema[0])


def test_file_of_a_revision_is_never_written_outside_its_folder(project: Config, tmp_path: Path) -> None:
    [path] = resolve_side("old:./sql/../schema.sql", project, tmp_path / "out").config.schema
    assert path.resolve().is_relative_to(tmp_path / "out")
