"""One server for the engine's tests, per process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pgassay.database import Layer, Recipe, choose_owner, ensure_template
from pgassay.server import Server, open_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with open_server(os.environ.get("PGASSAY_SERVER", "embedded")) as found:
        yield found


@pytest.fixture(scope="session")
def owner(server: Server) -> str:
    return choose_owner(server, "postgres")


@pytest.fixture(scope="session")
def blank(server: Server, owner: str) -> str:
    """A template with nothing in it but its owner."""
    return ensure_template(server, Recipe(owner=owner, layers=()))


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config) -> Layer:
    files = sorted(pytestconfig.rootpath.glob("fixtures/supabase/*.sql"))
    return Layer(name="environment", scripts=tuple(files), applied_by="superuser")
