"""docs/changing-the-schema.md shows what really happens, and all that a nullable column costs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "changing-the-schema.md"
COPIED = ("pyproject.toml", "schema.sql", "storage.sql", "docs", "fixtures", "tests")
_GIT = ("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.com")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return list(map(str, found))


def git(folder: Path, *arguments: str, text: str = "") -> None:
    subprocess.run([*_GIT, *arguments], cwd=folder, input=text, text=True, check=True, capture_output=True)


def run_pgassay(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pgassay.cli", *arguments, "--server=embedded"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The project with the guide's change of schema.sql in its working tree, and the guide's migrations."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Before")
    git(folder, "apply", "-", text=blocks("diff")[0])
    for name, text in zip(("naive.sql", "change.sql", "validate.sql"), blocks("sql"), strict=True):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "shown", "verdict"),
    [(("naive.sql",), 0, "problem"), (("change.sql", "validate.sql"), 1, "good")],
    ids=["first try", "second try"],
)
def test_migrations_of_the_example_are_judged_as_shown(
    checkout: Path, files: tuple[str, ...], shown: int, verdict: str
) -> None:
    migrations = [f"--migration={name}" for name in files]
    done = run_pgassay(checkout, "diff", "HEAD", "--search=0", *migrations)
    report, _, conclusion = done.stdout[done.stdout.index("\nmigration ") + 1 :].partition("\n\n")
    assert f"{report}\n" == blocks("text")[shown]
    assert conclusion.endswith(f"\nmigration: {verdict}\n")
    assert done.returncode == 1, done.stderr  # a new column is access gained


def test_change_costs_the_matrix_and_one_line_of_pgtap(checkout: Path) -> None:
    [line] = [line for line in blocks("diff")[1].splitlines() if re.match(r"[+-](?![+-])", line)]
    assert line.startswith("+")
    git(checkout, "apply", "-", text=blocks("diff")[1])
    assert run_pgassay(checkout, "matrix", "--accept").returncode == 0
    gate = run_pgassay(checkout, "verify")
    assert gate.stdout.endswith("verdict: good\n"), gate.stdout + gate.stderr
    assert gate.returncode == 0


def test_gate_asks_for_the_matrix_and_for_the_line_of_pgtap(checkout: Path) -> None:
    """The control of the test above: neither is superfluous."""
    only = ("--only", "load", "--only", "matrix")
    assert run_pgassay(checkout, "verify", *only).returncode == 1
    pgtap = [sys.executable, "-m", "pytest", "-q", "tests/pgtap/04-columns.sql"]
    done = subprocess.run(pgtap, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, "public.user_preferences: columns" in done.stdout) == (1, True)
