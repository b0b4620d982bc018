"""A verdict as JUnit's suites: one a stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgassay.errors import Place
from pgassay.render.junit import Check, Suite, render_suites
from pgassay.render.place import place_of
from pgassay.verdict import Case, Finding, Stage, Status, Verdict


def render_junit(verdict: Verdict) -> str:
    """A stage without tests has a case for each finding, or one for the whole."""
    suites = [
        Suite(name=stage.name, checks=tuple(_checks(stage)), seconds=stage.seconds)
        for stage in verdict.stages
    ]
    return render_suites("pgassay verify", suites, seconds=sum(suite.seconds for suite in suites))


def _checks(stage: Stage) -> Iterator[Check]:
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
        place=Place(file=case.file, line=case.line) if case.file else None,
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
        place=place_of(finding),
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]
