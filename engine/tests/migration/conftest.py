"""The project of these tests."""

from __future__ import annotations

import pytest

from pgassay.database import Layer
from pgassay.server import Server
from tests.migration.library_support import Library, make_library


@pytest.fixture(scope="session")
def library(server: Server, environment: Layer, tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(server, tmp_path_factory.mktemp("a library"), environment.scripts)
