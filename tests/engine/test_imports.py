"""Imports inside the engine go one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pgassay

PACKAGE = Path(pgassay.__file__).parent
# A module imports only from layers before its own, or from its own package.
LAYERS = (
    {"errors", "__init__"},
    {"config", "judgement", "observation", "output", "verdict"},
    {"revisions"},
    {"server"},
    {"database"},
    {"instrument", "pgtap"},
    {"workbench"},
    {"access", "schedule", "plans"},
    {"migration"},
    {"suite_report", "coverage_record"},
    {"plugin"},
    {"mutation"},
    {"verify", "report"},
    {"up", "doctor", "command"},
    {"arguments"},
    {"cli"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    return layer(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))


def layer(name: str) -> str:
    return "command" if name.endswith("_command") else name


def imported(path: Path) -> set[str]:
    """The parts of the package that a module imports at run time."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pgassay."):
            names.add(layer(node.module.split(".")[1]))
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_from_below(path: Path) -> None:
    own = part(path)
    assert own in LEVEL, f"{own} has no layer yet"
    above = {name for name in imported(path) - {own} if LEVEL[name] >= LEVEL[own]}
    assert not above


def test_engine_does_not_know_the_subject() -> None:
    assert [path for path in modules() if "autocut" in path.read_text(encoding="utf-8").lower()] == []
