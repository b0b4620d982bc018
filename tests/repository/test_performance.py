"""The pages of what was measured show each row of the bench as it was measured last, and nothing else."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "bench"))
    return importlib.import_module("pages")


def test_rows_that_were_measured_are_those_of_the_bench(pages: ModuleType) -> None:
    measured = pages.read_measured().rows
    assert [name for name in measured if name not in pages.MUTANTS] == [*pages.HARNESS, *pages.SCHEMA]


def test_pages_show_what_was_measured(pages: ModuleType) -> None:
    for path, text in pages.pages(pages.read_measured()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make bench"
