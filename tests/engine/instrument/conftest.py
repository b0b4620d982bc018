"""Databases with a collection of nasty functions, as they are and with counters in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg
import pytest
from calls import FILES

from pgassay.database import Layer, Recipe, clone, ensure_template
from pgassay.instrument import install_counters
from pgassay.server import Server

COUNTERS = Layer(name="counters", step=install_counters)


@pytest.fixture(scope="session")
def nasty() -> Layer:
    return Layer(name="nasty functions", scripts=FILES)


@contextmanager
def open_database(server: Server, owner: str, *layers: Layer) -> Iterator[psycopg.Connection[Any]]:
    """A connection in autocommit mode to a database of one's own, as its owner."""
    recipe = Recipe(owner=owner, layers=layers)
    with (
        clone(server, ensure_template(server, recipe), owner=owner) as database,
        closing(database.connect(autocommit=True)) as connection,
    ):
        yield connection


@pytest.fixture
def plain(server: Server, owner: str, nasty: Layer) -> Iterator[psycopg.Connection[Any]]:
    with open_database(server, owner, nasty) as connection:
        yield connection


@pytest.fixture
def counted(server: Server, owner: str, nasty: Layer) -> Iterator[psycopg.Connection[Any]]:
    with open_database(server, owner, nasty, COUNTERS) as connection:
        yield connection
