"""The emulated schemas beside what the real migrations of the three services make, object by object."""

from __future__ import annotations

from pathlib import Path

from pgassay.database import Layer, Recipe, clone, ensure_template
from pgassay.server import Server

HERE = Path(__file__).parent

# What the emulation means to have otherwise: real fact → ours ("" where it has none), and why.
DIFFERENCES: dict[str, str] = {}
ADDITIONS: dict[str, str] = {}


def read_facts() -> set[str]:
    lines = (HERE / "platform.facts").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_catalog_is_that_of_the_real_migrations(server: Server, owner: str, environment: Layer) -> None:
    template = ensure_template(server, Recipe(owner=owner, layers=(environment,)))
    with clone(server, template, owner=owner) as database, database.connect() as connection:
        connection.execute("set search_path to ''")
        query = (HERE / "facts.sql").read_bytes()
        ours = {str(line) for (line,) in connection.execute(query)}
    real = read_facts()

    assert len(real) > 600
    assert {fact: ours_instead for fact, ours_instead in DIFFERENCES.items() if fact not in real} == {}
    expected = (real - set(DIFFERENCES)) | {ours for ours in DIFFERENCES.values() if ours} | set(ADDITIONS)
    assert sorted(expected - ours) == []
    assert sorted(ours - expected) == []
