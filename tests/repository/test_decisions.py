"""docs/decisions.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
DECISIONS = TESTS.parent / "docs" / "decisions.md"


def read_references() -> list[tuple[str, str]]:
    """File and function of each test that is named; the function is empty where the whole file is meant."""
    return re.findall(r"`(test_\w+)(?:::(test_\w+))?`", DECISIONS.read_text(encoding="utf-8"))


def test_every_named_test_is_there() -> None:
    references = read_references()
    assert len(references) > 30
    missing = [
        (file, name)
        for file, name in references
        if len(paths := list(TESTS.rglob(f"{file}.py"))) != 1
        or (name and f"def {name}(" not in paths[0].read_text(encoding="utf-8"))
    ]
    assert missing == []
