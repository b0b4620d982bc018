"""An audit as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pgassay.audit.confirmation import witness_script
from pgassay.audit.model import Audit, Finding, Severity
from pgassay.errors import ExitCode
from pgassay.render.ci import Annotation, Check, Level, Suite
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries, quote_message

_LEVELS: dict[Severity, Level] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
}


def report_audit(audit: Audit) -> Report:
    """Findings, worst first; what was accepted; what was not tried."""
    if audit.fault:
        sections: tuple[ReportSection, ...] = (ReportSection(entries=(quote_message(str(audit.fault)),)),)
        summary = ("The schema does not load.",)
    else:
        accepted = [f for f in audit.findings if f.accepted]
        sections = (
            ReportSection(
                entries=tuple(_entry(f) for f in audit.open if f.severity <= Severity.LOW), language="sql"
            ),
            ReportSection(
                title="to know",
                entries=tuple(_entry(f, full=False) for f in audit.open if f.severity > Severity.LOW),
            ),
            ReportSection(
                title="accepted",
                entries=list_entries(*(f"{f.id}: {f.accepted}" for f in accepted)),
                folded=True,
            ),
            ReportSection(title="acceptances that expired", entries=list_entries(*audit.expired)),
            ReportSection(title="not tried", entries=list_entries(*audit.untried)),
        )
        summary = (_summary(audit),)
    return Report(
        command="audit",
        title="audit",
        verdict=audit.exit_code,
        claim=summary[0],
        about=audit.about,
        summary=summary,
        sections=sections,
        document=_document(audit),
        suites=(Suite(name="audit", checks=tuple(_checks(audit))),),
        annotations=tuple(_annotations(audit)),
        seconds=audit.seconds,
    )


def fixes_text(audit: Audit) -> str:
    """The repairs that were tried, as a migration."""
    blocks = [
        f"-- {finding.id}\n" + "".join(f"{text};\n" for text in finding.repair.statements)
        for finding in audit.open
        if finding.repair
    ]
    return "\n".join(["-- Repairs of pgassay audit, each tried by itself. Read them first.\n", *blocks])


def _entry(finding: Finding, *, full: bool = True) -> ReportEntry:
    why = [f"fix   {finding.repair}   {finding.repair.tried}"] if finding.repair else []
    tried = [f"try   as {s.who.name if s.who else 'owner'}: {s.statement}" for s in finding.steps]
    tried += finding.schedule
    return ReportEntry(
        cells=(f"{finding.severity.word:<8}  {finding.sentence}",),
        place=finding.place,
        why=(*tried, *why, f"id    {finding.id}") if full else (),
        code=witness_script(finding) if full and finding.steps else "",
        is_bad=finding.severity <= Severity.MEDIUM,
    )


def _summary(audit: Audit) -> str:
    counts = Counter(finding.severity for finding in audit.open)
    told = ", ".join(f"{counts[s]} {s.word}" for s in Severity if counts[s]) or "nothing found"
    accepted = sum(bool(finding.accepted) for finding in audit.findings)
    more = f", {accepted} accepted" if accepted else ""
    hint = ' · accept with pgassay audit --accept ID --because "…"' if counts else ""
    return f"{told}{more}{hint} · {audit.seconds:.1f} s"


def _document(audit: Audit) -> dict[str, Any]:
    return {
        "findings": [_finding(finding) for finding in audit.findings],
        "not_tried": list(audit.untried),
        "expired": list(audit.expired),
        "fault": str(audit.fault) if audit.fault else None,
        "seconds": round(audit.seconds, 3),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    place = finding.place
    return {
        "id": finding.id,
        "rule": finding.rule,
        "object": finding.object,
        "columns": list(finding.columns),
        "actions": list(finding.actions),
        "who": list(finding.who),
        "severity": finding.severity.word,
        "sentence": finding.sentence,
        "witness": witness_script(finding) if finding.steps else None,
        "schedule": list(finding.schedule),
        "repair": {"statements": list(finding.repair.statements), "tried": finding.repair.tried}
        if finding.repair
        else None,
        "file": str(place.file) if place else None,
        "line": place.line if place else None,
        "accepted": finding.accepted or None,
    }


def _checks(audit: Audit) -> Iterator[Check]:
    for finding in audit.findings:
        bad = finding.severity <= Severity.MEDIUM and not finding.accepted
        yield Check(
            group=finding.object,
            name=finding.id,
            outcome="failure" if bad else "passed",
            message=finding.sentence,
        )


def _annotations(audit: Audit) -> Iterator[Annotation]:
    for finding in audit.open:
        level: Level = _LEVELS.get(finding.severity, "notice")
        yield Annotation(
            level=level, title=f"audit: {finding.rule}", message=finding.sentence, place=finding.place
        )
    last: Level = "error" if audit.exit_code is ExitCode.SCHEMA_PROBLEM else "notice"
    yield Annotation(level=last, title="audit", message=_summary(audit))
