"""Audits of small schemas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pgassay.audit.model import Audit, Finding
from pgassay.audit.rules import Rule
from pgassay.audit.run import audit
from pgassay.config import DEFAULT_PERSONAS, Config
from pgassay.server import Server
from pgassay.supabase.environments import environment_files
from pgassay.workbench import Workbench

Audited = Callable[..., Audit]


def audit_schema(server: Server, folder: Path, schema: str, *rules: Rule, **said: Any) -> Audit:
    """By some rules, a project of one file, of which nothing is said but what is `said`."""
    folder.mkdir(exist_ok=True)
    path = folder / "schema.sql"
    path.write_text(schema, encoding="utf-8")
    config = Config(
        root=folder,
        schema=(path,),
        environment=environment_files("supabase"),
        personas=DEFAULT_PERSONAS,
        fill_world=True,
        find_personas=True,
        **said,
    )
    found = audit(Workbench(config, server), rules=rules)
    assert found.fault is None, found.fault
    return found


def of_rule(found: Audit, rule: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.rule == rule]


def told(found: Audit, rule: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Object, severity and actions of what a rule found."""
    return [(f.object, f.severity.word, f.actions) for f in of_rule(found, rule)]
