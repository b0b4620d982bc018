"""The stage `audit`: what is wrong with the schema and not accepted in audit.toml."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace

from pgassay.audit import model
from pgassay.audit.acceptance import FILE
from pgassay.audit.confirmation import witness_script
from pgassay.audit.model import Audit, Severity
from pgassay.audit.run import audit
from pgassay.verdict import Finding, Stage, Status
from pgassay.workbench import Workbench

_NAME = "audit"


def check_audit(bench: Workbench, *, asked: bool = False) -> Stage:
    """Findings at medium or above that nobody accepted.

    Only where the project has a file of acceptances, which may be empty, or where somebody `asked`: a project
    that nobody audited yet has findings which its gate has not promised anything about.
    """
    if not (asked or (bench.config.root / FILE).exists()):
        return Stage(name=_NAME, status=Status.SKIPPED, detail=f"there is no {FILE}: see pgassay audit")
    found = audit(Workbench(replace(bench.config, fill_world=True), bench.server))
    if found.fault:
        fault = Finding(rule=_NAME, message=str(found.fault), place=found.fault.place)
        return Stage(name=_NAME, status=Status.PROBLEM, detail="does not load", findings=(fault,))
    bad = [finding for finding in found.open if finding.severity <= Severity.MEDIUM]
    return Stage(
        name=_NAME,
        status=Status.PROBLEM if bad else Status.GOOD,
        detail="\n".join(_detail(found, len(bad))),
        findings=tuple(map(_finding, bad)),
    )


def _finding(finding: model.Finding) -> Finding:
    command = f'pgassay audit --accept {shlex.quote(finding.id)} --because "…"'
    return Finding(
        rule=f"{_NAME}.{finding.rule}",
        message=f"{finding.severity.word}: {finding.sentence} To accept it: {command}",
        place=finding.place,
        witness=witness_script(finding) if finding.steps else "",
    )


def _detail(found: Audit, bad: int) -> Iterator[str]:
    accepted = sum(bool(finding.accepted) for finding in found.findings)
    minor = len(found.open) - bad
    yield ", ".join(
        [
            f"{bad} not accepted" if bad else "nothing that is not accepted",
            *([f"{accepted} accepted"] if accepted else []),
            *([f"{minor} low or to know"] if minor else []),
        ]
    )
    yield from (f"expired: {line}" for line in found.expired)
