"""An audit as a page: findings first, then the access matrix."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pgassay.audit.confirmation import witness_script
from pgassay.audit.model import NO_ROWS_SHOWN, ROWS, Audit, Finding, Severity
from pgassay.errors import ExitCode
from pgassay.matrix.model import Matrix
from pgassay.matrix.page import Lead, render_matrix_html
from pgassay.render.report import Fragment

_SHOWS = {"": "", ROWS: "  -- shows rows", NO_ROWS_SHOWN: "  -- shows no rows"}


def render_audit_page(audit: Audit, matrix: Matrix, *, claim: str) -> str:
    """The whole page, with `claim` as its verdict."""
    counts = Counter(finding.severity for finding in audit.open)
    values = {
        "findings": [_item(finding) for finding in audit.open],
        "accepted": [_item(finding) for finding in audit.findings if finding.accepted],
        "severities": {severity.word: counts[severity] for severity in Severity if counts[severity]},
        "expired": audit.expired,
        "untried": audit.untried,
    }
    lead = Lead(
        name="Findings",
        fragment=Fragment(
            package="pgassay.audit", template="findings.html", style="findings.css", values=values
        ),
        script="findings.js",
        look="good" if audit.exit_code is ExitCode.GOOD else "gained",
        claim=claim,
        facts=(f"{audit.about} · {audit.seconds:.1f} s",),
    )
    return render_matrix_html(matrix, title="Audit", lead=lead)


def _item(finding: Finding) -> dict[str, Any]:
    """What the template shows; of a block its name, a note, what it shows, and what is copied."""
    blocks = []
    if finding.steps:
        shown = "\n".join(
            "".join(
                (f"-- as {step.who.name if step.who else 'the owner'}\n", *map("{};\n".format, step.said))
            )
            + f"{step.statement};{_SHOWS.get(step.shows, f'  -- shows error {step.shows}')}"
            for step in finding.steps
        )
        blocks.append(("Witness", "", shown, witness_script(finding)))
    if finding.repair:
        text = "".join(f"{statement};\n" for statement in finding.repair.statements)
        blocks.append(("Repair", finding.repair.tried, text, text))
    return {
        "severity": finding.severity.word,
        "sentence": finding.sentence,
        "place": finding.place,
        "id": finding.id,
        "accepted": finding.accepted,
        "blocks": blocks,
    }
