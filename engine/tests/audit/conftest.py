"""Audits on the run's server."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pgassay.audit.model import Audit
from pgassay.server import Server
from tests.audit.audit_support import Audited, audit_schema


@pytest.fixture
def audited(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> Audited:
    """By the rule that the module of the test is about: its RULE, or what its name says."""
    name = getattr(request.module, "RULE", request.module.__name__.rpartition("test_rule_")[2])
    rule = import_module(f"pgassay.audit.rules.{name}").find

    def audited(schema: str, **said: Any) -> Audit:
        return audit_schema(server, tmp_path, schema, rule, **said)

    return audited
