"""An audit as a report."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from pgassay.audit.confirmation import comment, witness_script
from pgassay.audit.model import Audit, Finding, Severity
from pgassay.audit.page import render_audit_page
from pgassay.errors import ExitCode
from pgassay.render.ci import Annotation, Check, Level, Suite
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries, quote_message
from pgassay.render.text import wrap

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
        claim=_claim(audit),
        about=audit.about,
        summary=summary,
        sections=sections,
        page=partial(render_audit_page, audit, audit.matrix, claim=_claim(audit)) if audit.matrix else None,
        document=_document(audit),
        suites=(Suite(name="audit", checks=tuple(_checks(audit))),),
        annotations=tuple(_annotations(audit)),
        seconds=audit.seconds,
    )


def fixes_text(audit: Audit) -> str:
    """The repairs that were tried, as a migration."""
    blocks = [
        "\n".join([*comment(finding.id), *(f"{text};" for text in finding.repair.statements)]) + "\n"
        for finding in audit.open
        if finding.repair
    ]
    return "\n".join(["-- Repairs of pgassay audit, each tried by itself. Read them first.\n", *blocks])


def _entry(finding: Finding, *, full: bool = True) -> ReportEntry:
    return ReportEntry(
        cells=(f"{finding.severity.word:<8}  {finding.sentence}",),
        place=finding.place,
        code="\n".join(_script(finding)) if full else "",
        excerpt="\n".join(map(_beside, _short(finding))) if full else "",
        is_bad=finding.severity <= Severity.MEDIUM,
    )


def _short(finding: Finding) -> Iterator[str]:
    """For a terminal: what to try, the repair, and the id to accept it by."""
    for step in finding.steps:
        headers = f" with the headers {step.headers}" if step.headers else ""
        yield f"try   as {step.who.name if step.who else 'owner'}{headers}: {step.statement}"
    yield from finding.schedule
    if finding.repair:
        yield f"fix   {finding.repair}"
        yield f"      {finding.repair.tried}"
    yield f"id    {shlex.quote(finding.id)}"


def _beside(line: str) -> str:
    """In lines that a margin of two columns fits before; what goes on stands below its beginning."""
    return "\n".join(one[2:] for one in wrap(f"  {line}", indent=8).splitlines())


def _script(finding: Finding) -> Iterator[str]:
    """The same as SQL to copy, of which only the witness runs: it leaves nothing behind."""
    yield from comment(finding.id)
    if finding.repair:
        yield from comment(f"Repair, {finding.repair.tried}:")
        yield from comment(";\n".join((*finding.repair.statements, "")))
    for line in finding.schedule:
        yield from comment(line)
    if finding.steps:
        yield f"\n{witness_script(finding)}".rstrip()


def _claim(audit: Audit) -> str:
    if audit.fault:
        return "The schema does not load"
    counts = Counter(finding.severity for finding in audit.open)
    told = ", ".join(f"{counts[s]} {s.word}" for s in Severity if counts[s]) or "nothing found"
    accepted = sum(bool(finding.accepted) for finding in audit.findings)
    return f"{told}, {accepted} accepted" if accepted else told


def _summary(audit: Audit) -> str:
    named = any(finding.severity <= Severity.LOW for finding in audit.open)  # only these show their id
    hint = ' · accept with pgassay audit --accept ID --because "…"' if named else ""
    return f"{_claim(audit)}{hint} · {audit.seconds:.1f} s"


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
    if audit.fault:
        text = str(audit.fault)
        yield Check(
            group="load", name="load", outcome="failure", message=text.partition("\n")[0], text=text,
            place=audit.fault.place,
        )  # fmt: skip
    for finding in audit.findings:
        bad = finding.severity <= Severity.MEDIUM and not finding.accepted
        yield Check(
            group=finding.object,
            name=finding.id,
            outcome="failure" if bad else "passed",
            message=finding.sentence,
        )


def _annotations(audit: Audit) -> Iterator[Annotation]:
    if audit.fault:
        yield Annotation(
            level="error", title="audit: load", message=str(audit.fault), place=audit.fault.place
        )
    for finding in audit.open:
        level: Level = _LEVELS.get(finding.severity, "notice")
        yield Annotation(
            level=level, title=f"audit: {finding.rule}", message=finding.sentence, place=finding.place
        )
    last: Level = "error" if audit.exit_code is ExitCode.SCHEMA_PROBLEM else "notice"
    yield Annotation(level=last, title="audit", message=_summary(audit))
