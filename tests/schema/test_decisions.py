"""docs/decisions.md names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
DECISIONS = HERE.parents[1] / "docs" / "decisions.md"


def read_references() -> list[tuple[str, str]]:
    """File and function of each test that is named; the function is empty where the whole file is meant."""
    return re.findall(r"`(test_\w+)(?:::(test_\w+))?`", DECISIONS.read_text(encoding="utf-8"))


def test_every_named_test_is_there() -> None:
    references = read_references()
    assert len(references) > 30
    missing = [
        (file, name)
        for file, name in references
        if not (path := HERE / f"{file}.py").exists()
        or (name and f"def {name}(" not in path.read_text(encoding="utf-8"))
    ]
    assert missing == []
