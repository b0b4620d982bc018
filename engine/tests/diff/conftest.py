"""A project of two tenants."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.database import Layer
from pgassay.server import Server
from tests.diff.diff_support import Tenants, make_tenants


@pytest.fixture
def tenants(server: Server, environment: Layer, tmp_path: Path) -> Tenants:
    return make_tenants(server, tmp_path / "two tenants", environment.scripts)
