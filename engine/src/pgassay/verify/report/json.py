"""The JSON contract, version 1: docs/json.md."""

from __future__ import annotations

import json
from typing import Any

from pgassay.render.json import VERSION, counts_document
from pgassay.render.place import relative
from pgassay.verdict import Finding, Stage, Verdict


def render_json(verdict: Verdict) -> str:
    """One JSON object."""
    document = {
        "version": VERSION,
        "verdict": verdict.word,
        "schema": [str(relative(path)) for path in verdict.schema],
        "server": verdict.server,
        "stages": [_stage(stage) for stage in verdict.stages],
        "findings": [_finding(finding) for finding in verdict.findings],
        "tests": counts_document(verdict.counts("tests")),
        "pgtap": counts_document(verdict.counts("pgtap")),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "status": stage.status.value,
        "detail": stage.detail,
        "seconds": round(stage.seconds, 3),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "message": finding.message,
        "file": str(relative(finding.file)) if finding.file else None,
        "line": finding.line or None,
        "witness": finding.witness or None,
    }
