"""JUnit's XML, as CI servers read it: one suite a stage."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pgassay.errors import printable
from pgassay.verdict import Case, Stage, Status, Verdict


def render_junit(verdict: Verdict) -> str:
    """One testsuites element."""
    root = Element("testsuites", name="pgassay verify")
    for stage in verdict.stages:
        _add_suite(root, stage)
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add_suite(root: Element, stage: Stage) -> None:
    cases = stage.cases or _cases_of(stage)
    suite = SubElement(root, "testsuite", name=stage.name, time=f"{stage.seconds:.3f}")
    for case in cases:
        _add_case(suite, stage, case)
    # A suite that could not judge must not look like one that passed.
    errors = stage.status is Status.NOT_JUDGED
    if errors:
        SubElement(_element(suite, stage.name, stage.name), "error", message=printable(stage.detail))
    suite.set("tests", str(len(cases) + errors))
    suite.set("errors", str(int(errors)))
    suite.set("failures", str(sum(case.outcome == "failed" for case in cases)))
    suite.set("skipped", str(sum(case.outcome == "skipped" for case in cases)))


def _cases_of(stage: Stage) -> tuple[Case, ...]:
    """A stage without tests as one case for each finding, or one for the whole."""
    if stage.findings:
        return tuple(
            Case(
                name=finding.rule,
                outcome="failed",
                reason=finding.message,
                file=finding.file,
                line=finding.line,
            )
            for finding in stage.findings
        )
    if stage.status is Status.NOT_JUDGED:
        return ()
    outcome = "skipped" if stage.status is Status.SKIPPED else "passed"
    return (Case(name=stage.name, outcome=outcome, reason=stage.detail, seconds=stage.seconds),)


def _add_case(suite: Element, stage: Stage, case: Case) -> None:
    file, _, name = case.name.partition("::")
    element = _element(suite, file if name else stage.name, name or file)
    element.set("time", f"{case.seconds:.3f}")
    if case.file:
        element.set("file", printable(str(case.file)))
        element.set("line", str(case.line))
    if case.outcome == "failed":
        last = case.reason.strip().splitlines()[-1:] or [""]
        SubElement(element, "failure", message=printable(last[0])).text = printable(case.reason)
    elif case.outcome == "skipped":
        SubElement(element, "skipped", message=printable(case.reason))


def _element(suite: Element, classname: str, name: str) -> Element:
    return SubElement(suite, "testcase", classname=printable(classname), name=printable(name))
