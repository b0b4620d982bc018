"""Every SQL file of the project passes sqlfluff with the project's rules."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import sqlfluff
from sqlfluff.core import FluffConfig, Linter

from pgassay.config import Config
from pgassay.plugin import ENGINE


def sql_files(config: Config) -> Iterator[Path]:
    yield from (*config.schema, *config.companions)
    for folder in config.lint:
        yield from sorted(folder.rglob("*.sql"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "sql_file" in metafunc.fixturenames:
        config = metafunc.config.stash[ENGINE].config
        metafunc.parametrize("sql_file", list(sql_files(config)), ids=lambda path: path.name)


@pytest.fixture(scope="module")
def linter(pytestconfig: pytest.Config) -> Linter:
    """In this process: the command line would spend a second to start for each file."""
    root = pytestconfig.stash[ENGINE].config.root
    return Linter(config=FluffConfig.from_path(str(root)))


def faults(linter: Linter, text: str) -> list[str]:
    found = linter.lint_string(text).get_violations()
    return [f"line {fault.line_no}: {fault.rule_code()} {fault.desc()}" for fault in found]


@pytest.fixture(scope="module")
def rules(pytestconfig: pytest.Config) -> str:
    """What a verdict depends on besides the text; other parts of pyproject.toml do not matter."""
    document = tomllib.loads((pytestconfig.rootpath / "pyproject.toml").read_text(encoding="utf-8"))
    return f"{sqlfluff.__version__} {document['tool']['sqlfluff']}"


def test_file_has_no_fault(linter: Linter, rules: str, sql_file: Path, pytestconfig: pytest.Config) -> None:
    """A text that was clean under the same rules still is: schema.sql alone takes seconds to lint."""
    text = sql_file.read_text(encoding="utf-8")
    key = f"sqlfluff/{sha256((rules + text).encode()).hexdigest()}"
    cache: pytest.Cache | None = getattr(pytestconfig, "cache", None)  # none with -p no:cacheprovider
    if cache is None or not cache.get(key, default=False):
        assert faults(linter, text) == []
        if cache is not None:
            cache.set(key, value=True)


def test_linter_finds_what_the_project_forbids(linter: Linter) -> None:
    assert [fault.split(":")[1].split()[0] for fault in faults(linter, "SELECT 1 as one;\n")] == ["CP01"]
    assert [fault.split(":")[1].split()[0] for fault in faults(linter, "select (1;\n")] == ["PRS"]


def test_braces_of_an_array_are_no_template(linter: Linter) -> None:
    assert faults(linter, "select '{{1, 2}, {3, 4}}'::integer[] as matrix;\n") == []
