"""Audits on the run's server."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgassay.audit.model import Audit
from pgassay.server import Server
from tests.audit.audit_support import Audited, audit_schema


@pytest.fixture
def audited(server: Server, tmp_path: Path) -> Audited:
    def audited(schema: str) -> Audit:
        return audit_schema(server, tmp_path, schema)

    return audited
