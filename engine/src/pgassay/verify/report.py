"""The gate's verdict as a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pgassay.errors import ExitCode
from pgassay.render.ci import Annotation, Check, Suite, note
from pgassay.render.json import record
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries, quote_message
from pgassay.render.text import name_files, show_evidence
from pgassay.verdict import Case, Finding, Stage, Status, Verdict

_CLAIMS = {
    ExitCode.GOOD: "Every stage is good",
    ExitCode.SCHEMA_PROBLEM: "The schema has a problem",
    ExitCode.CANNOT_JUDGE: "Not judged",
}


def report_verdict(verdict: Verdict) -> Report:
    """Stages, findings, skipped tests with their reasons, and the verdict."""
    schema = name_files(verdict.schema) or "no schema"
    stages = [f"{stage.name}: {stage.status.value}, {stage.detail}" for stage in verdict.stages]
    cases = [case for stage in verdict.stages for case in stage.cases if case.outcome == "skipped"]
    skipped = [f"skipped {case.name}: {case.reason}" for case in cases]
    return Report(
        command="verify",
        title="",
        verdict=verdict.exit_code,
        claim=_CLAIMS[verdict.exit_code],
        about=f"{schema} on {verdict.server}",
        summary=(f"verdict: {verdict.word}",),
        sections=(
            ReportSection(head=("",) * 4, numbers=(2,), entries=tuple(map(_stage, verdict.stages))),
            ReportSection(entries=tuple(map(_entry, verdict.findings))),
            ReportSection(entries=list_entries(*skipped)),
        ),
        document=_document(verdict),
        suites=[Suite(name=s.name, checks=tuple(_checks(s)), seconds=s.seconds) for s in verdict.stages],
        annotations=(
            *_annotations(verdict),
            *(note("verify", line) for line in skipped),
            note("verify", "\n".join([f"verdict: {verdict.word}", *stages])),
        ),
        seconds=sum(stage.seconds for stage in verdict.stages),
    )


def _stage(stage: Stage) -> ReportEntry:
    took = f"{stage.seconds:6.2f} s" if stage.status is not Status.SKIPPED else ""
    is_bad = stage.status in (Status.PROBLEM, Status.NOT_JUDGED)
    return ReportEntry(cells=(stage.name, stage.status.value, took, stage.detail), is_bad=is_bad)


def _entry(finding: Finding) -> ReportEntry:
    if finding.rule == "suite":
        excerpt = "\n".join(show_evidence(finding.witness))
        title = f"FAILED {finding.message}"
        return ReportEntry(cells=(title,), place=finding.place, code=finding.witness, excerpt=excerpt)
    if finding.rule == "load":
        return quote_message(finding.message)
    return ReportEntry(cells=(f"{finding.message} [{finding.rule}]",), place=finding.place)


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "verdict": verdict.word,
        "schema": verdict.schema,
        "server": verdict.server,
        "stages": [
            {"name": s.name, "status": s.status, "detail": s.detail, "seconds": round(s.seconds, 3)}
            for s in verdict.stages
        ],
        "findings": [
            {name: value or None for name, value in record(finding).items()} for finding in verdict.findings
        ],
        "tests": verdict.counts("tests"),
        "pgtap": verdict.counts("pgtap"),
    }


def _checks(stage: Stage) -> Iterator[Check]:
    """A stage without tests has a case for each finding, or one for the whole."""
    whole = Check(group=stage.name, name=stage.name, message=stage.detail, seconds=stage.seconds)
    if stage.cases:
        yield from (_check_of_case(case, stage) for case in stage.cases)
    else:
        yield from (_check_of_finding(finding, stage) for finding in stage.findings)
    if stage.status is Status.NOT_JUDGED:  # must not look like one that passed
        yield replace(whole, outcome="error")
    elif not (stage.cases or stage.findings):
        yield replace(whole, outcome="skipped" if stage.status is Status.SKIPPED else "passed")


def _check_of_case(case: Case, stage: Stage) -> Check:
    file, _, name = case.name.partition("::")
    check = Check(
        group=file if name else stage.name,
        name=name or file,
        message=case.reason,
        place=case.place,
        seconds=case.seconds,
    )
    if case.outcome == "failed":
        return replace(check, outcome="failure", message=_last_line(case.reason), text=case.reason)
    return replace(check, outcome="skipped" if case.outcome == "skipped" else "passed")


def _check_of_finding(finding: Finding, stage: Stage) -> Check:
    return Check(
        group=stage.name,
        name=finding.rule,
        outcome="failure",
        message=_last_line(finding.message),
        text=finding.message,
        place=finding.place,
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _annotations(verdict: Verdict) -> Iterator[Annotation]:
    """An error for each finding and each stage that could not judge."""
    for stage in verdict.stages:
        for finding in stage.findings:
            evidence = show_evidence(finding.witness) if finding.rule == "suite" else ()
            message = "\n".join([finding.message, *evidence])
            title = f"pgassay: {finding.rule}"
            yield Annotation(level="error", title=title, message=message, place=finding.place)
        if stage.status is Status.NOT_JUDGED:
            yield Annotation(level="error", title=f"pgassay: {stage.name} not judged", message=stage.detail)
