"""Imports inside the engine go one way, as ARCHITECTURE.md draws it."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

import pgassay

PACKAGE = Path(pgassay.__file__).parent
ARCHITECTURE = Path(__file__).parents[1] / "ARCHITECTURE.md"
# A module imports only from layers before its own, or from its own package.
LAYERS = (
    {"__init__", "errors"},
    {"observation", "pytest_private", "toml", "verdict"},
    {"extensions", "supabase"},
    {"config"},
    {"config_keys", "project", "server"},
    {"database"},
    {"catalog"},
    {"pgtap", "plpgsql", "render", "suites"},
    {"solver"},
    {"commands", "workbench"},
    {
        "audit",
        "coverage",
        "denial",
        "diff",
        "explain",
        "guard_map",
        "init",
        "matrix",
        "mcp_server",
        "migration",
        "mutation",
        "plans",
        "plugin",
        "properties",
        "race_search",
        "races",
        "verify",
        "world",
    },
    {"configuration", "doctor", "manual", "up"},
    {"cli"},
    {"__main__"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# Inside one layer only these may import each other.
EDGES = {
    ("audit", "diff"),
    ("audit", "matrix"),
    ("audit", "races"),
    ("audit", "world"),
    ("diff", "denial"),
    ("diff", "matrix"),
    ("diff", "world"),
    ("explain", "denial"),
    ("explain", "world"),
    ("init", "matrix"),
    ("init", "world"),
    ("matrix", "denial"),
    ("matrix", "guard_map"),
    ("matrix", "world"),
    ("migration", "diff"),
    ("migration", "matrix"),
    ("migration", "world"),
    ("mutation", "coverage"),
    ("mutation", "diff"),
    ("mutation", "guard_map"),
    ("mutation", "matrix"),
    ("mutation", "plugin"),
    ("mutation", "world"),
    ("plugin", "coverage"),
    ("properties", "races"),
    ("race_search", "audit"),
    ("race_search", "world"),
    ("verify", "audit"),
    ("verify", "matrix"),
    ("verify", "mutation"),
    ("verify", "plans"),
    ("verify", "world"),
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The parts of the package that a module imports at run time or for its types."""
    return set(_imported(ast.parse(path.read_text(encoding="utf-8"))))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "pgassay":
            yield from (alias.name for alias in node.names if not alias.name.startswith("__"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pgassay."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("pgassay."))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_from_below_or_along_an_edge(path: Path) -> None:
    own = part(path)
    assert own in LEVEL, f"{own} has no layer yet"
    above = {
        name for name in imported(path) - {own} if LEVEL[name] >= LEVEL[own] and (own, name) not in EDGES
    }
    assert not above


def test_every_edge_is_used_and_joins_two_of_one_layer() -> None:
    used = {(part(path), name) for path in modules() for name in imported(path)}
    assert EDGES - used == set()
    assert {edge for edge in EDGES if LEVEL[edge[0]] != LEVEL[edge[1]]} == set()


def _loaded_with(path: Path, names: Collection[str]) -> Iterator[str]:
    """The modules that are loaded because a module is; not those that it needs for its types alone."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in names else node.module


def test_modules_have_no_circle() -> None:
    dotted = (".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in modules())
    names = dict(zip((name.removesuffix(".__init__") for name in dotted), modules(), strict=True))
    needs = {name: set(_loaded_with(path, names)) for name, path in names.items()}
    while ready := [name for name, others in needs.items() if not others & needs.keys()]:
        for name in ready:
            del needs[name]
    while users := needs.keys() - {name for others in needs.values() for name in others}:
        for name in users:  # they need a circle, and are in none
            del needs[name]
    assert sorted(needs) == []


def test_edges_have_no_circle() -> None:
    edges = set(EDGES)
    while leaves := {target for _, target in edges} - {source for source, _ in edges}:
        edges = {edge for edge in edges if edge[1] not in leaves}
    assert edges == set()


def test_architecture_draws_these_edges_and_tells_of_every_package() -> None:
    rows = re.findall(
        r"^\| `([a-z_]+)/?` \|.*\| ([^|]*)\|$", ARCHITECTURE.read_text(encoding="utf-8"), re.MULTILINE
    )
    drawn = {(name, target) for name, targets in rows for target in re.findall(r"`([a-z_]+)`", targets)}
    assert drawn == EDGES
    assert {name for name, _ in rows} == set(LEVEL) - {"__init__"}


def test_private_parts_of_pytest_are_used_in_one_place() -> None:
    users = {path.name for path in modules() if b"_pytest." in path.read_bytes().replace(b"run_pytest", b"")}
    assert users == {"pytest_private.py"}


def test_engine_does_not_know_whose_schema_it_judges() -> None:
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > len(modules())
    assert [path for path in files if b"autocut" in path.read_bytes().lower()] == []
