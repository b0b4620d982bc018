"""A small project with plan contracts and a load of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from pgassay.config import Config, PersonaConfig
from pgassay.database import Layer, Recipe, clone, ensure_template
from pgassay.server import Server
from tests.plans.plan_support import CONTRACTS, LOAD, SCHEMA, SUB


@pytest.fixture
def project(tmp_path: Path, environment: Layer) -> Config:
    for name, text in (("schema.sql", SCHEMA), ("load.py", LOAD), ("plans.toml", CONTRACTS)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return Config(
        root=tmp_path,
        schema=(tmp_path / "schema.sql",),
        environment=environment.scripts,
        personas={"alice": PersonaConfig(role="authenticated", claims={"sub": SUB})},
        plans=(tmp_path / "plans.toml",),
        load=tmp_path / "load.py",
    )


@pytest.fixture
def notes(server: Server, owner: str, environment: Layer, tmp_path: Path) -> Iterator[psycopg.Connection]:
    """The owner's connection to a database of its own with the small project's empty schema."""
    schema = tmp_path / "notes.sql"
    schema.write_text(SCHEMA, encoding="utf-8")
    layers = (environment, Layer(name="schema", scripts=(schema,)))
    template = ensure_template(server, Recipe(owner=owner, layers=layers))
    with (
        clone(server, template, owner=owner) as database,
        closing(database.connect(autocommit=True)) as connection,
    ):
        yield connection
