"""docs/changing-the-schema.md shows what really happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "changing-the-schema.md"
COPIED = ("pyproject.toml", "schema.sql", "storage.sql", "fixtures", "tests")
_GIT = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.com")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return list(map(str, found))


def git(folder: Path, *arguments: str, text: str = "") -> None:
    subprocess.run([*_GIT, *arguments], cwd=folder, input=text, text=True, check=True, capture_output=True)


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with the guide's change in its working tree, and the guide's migrations."""
    folder = tmp_path_factory.mktemp("a checkout")
    for name in COPIED:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        (folder / name).parent.mkdir(exist_ok=True)
        copy(root / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Before")
    git(folder, "apply", "-", text=blocks("diff")[0])
    for name, text in zip(("naive.sql", "change.sql", "validate.sql"), blocks("sql"), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "shown", "exit_code"),
    [(("naive.sql",), 0, 1), (("change.sql", "validate.sql"), 1, 1)],
    ids=["first try", "second try"],
)
def test_example_shows_what_really_happens(
    checkout: Path, files: tuple[str, ...], shown: int, exit_code: int
) -> None:
    command = [sys.executable, "-m", "pgassay.cli", "diff", "HEAD", "--server=embedded", "--search=0"]
    for name in files:
        command += ["--migration", name]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    report = done.stdout[done.stdout.index("\nmigration ") + 1 :]
    assert report == blocks("text")[shown]
    assert done.returncode == exit_code, done.stderr  # 1: a new column is access gained
