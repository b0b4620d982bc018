"""Databases with functions in them, as they are and with counters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgassay.coverage.inventory import CoverageInventory, take_inventory
from pgassay.database import Database, Layer
from pgassay.server import Server
from tests.plpgsql.plpgsql_support import COUNTERS, NASTY, TINY, Connection, open_connection, open_database


@pytest.fixture
def plain(server: Server, owner: str) -> Iterator[Connection]:
    """The nasty functions as they are."""
    with open_connection(server, owner, NASTY) as connection:
        yield connection


@pytest.fixture
def counted(server: Server, owner: str) -> Iterator[Connection]:
    """The nasty functions with counters."""
    with open_connection(server, owner, NASTY, COUNTERS) as connection:
        yield connection


@pytest.fixture(scope="session")
def inventory(server: Server, owner: str) -> CoverageInventory:
    """What there is to count in the nasty functions."""
    with open_connection(server, owner, NASTY) as connection:
        return take_inventory(connection)


@pytest.fixture
def tiny(server: Server, owner: str, environment: Layer) -> Iterator[Database]:
    """A table with a policy, a trigger and its function, with counters."""
    with open_database(server, owner, environment, TINY, COUNTERS) as database:
        yield database
