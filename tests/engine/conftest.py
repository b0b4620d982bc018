"""The run's server for the engine's tests, and what they build on."""

from __future__ import annotations

import pytest

from pgassay.database import Layer, Recipe, choose_owner, ensure_template
from pgassay.server import Server
from pgassay.workbench import Workbench


@pytest.fixture(scope="session")
def server(workbench: Workbench) -> Server:
    return workbench.server


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
