"""Verdicts for people and for programs: each format a pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from pgassay.errors import Place, printable
from pgassay.render.annotation import Annotation, note, render_annotations
from pgassay.render.json import dump, record
from pgassay.render.junit import Check, Suite, render_suites
from pgassay.render.markdown import fold, table
from pgassay.render.place import place_of, relative, spell
from pgassay.render.text import show_evidence, wrap
from pgassay.verdict import Case, Finding, Stage, Status, Verdict


def render_text(verdict: Verdict) -> str:
    """Stages, findings, skipped tests with their reasons, and the verdict as the last line."""
    schema = ", ".join(str(relative(path)) for path in verdict.schema) or "no schema"
    lines = [wrap(f"{schema} on {verdict.server}"), ""]
    lines += [_stage(stage) for stage in verdict.stages]
    lines += _reasons(verdict)
    lines += _findings(verdict)
    lines += _skipped(verdict)
    lines += ["", f"verdict: {verdict.word}"]
    return printable("\n".join(lines) + "\n")


def _stage(stage: Stage) -> str:
    took = f"{stage.seconds:6.2f} s" if stage.status is not Status.SKIPPED else ""
    first = "".join(stage.detail.splitlines()[:1])
    return wrap(f"  {stage.name:<8}{stage.status.value:<12}{took:>8}  {first}".rstrip(), indent=32)


def _reasons(verdict: Verdict) -> Iterator[str]:
    """What of a stage's detail does not fit into its line."""
    for stage in verdict.stages:
        _, *rest = stage.detail.splitlines() or [""]
        if rest:
            yield from ("", *rest)


def _findings(verdict: Verdict) -> Iterator[str]:
    """One line each for what fits one; room around what does not."""
    roomy = True
    for finding in verdict.findings:
        lines = list(_lines(finding))
        if roomy or len(lines) > 1:
            yield ""
        yield from lines
        roomy = len(lines) > 1


def _lines(finding: Finding) -> Iterator[str]:
    if finding.rule == "load":  # the message is whole: place, line of text and caret
        yield from finding.message.splitlines()
        return
    if finding.rule == "suite":
        yield f"FAILED {finding.message}"
        yield from (f"  {line}" for line in show_evidence(finding.witness))
        return
    yield wrap(f"{spell(place_of(finding))}  {finding.message} [{finding.rule}]")


def _skipped(verdict: Verdict) -> list[str]:
    cases = [case for stage in verdict.stages for case in stage.cases if case.outcome == "skipped"]
    return ["", *(wrap(f"skipped {case.name}: {case.reason}") for case in cases)] if cases else []


def render_markdown(verdict: Verdict) -> str:
    """A table of stages, then the findings, folded."""
    lines = [f"## pgassay: {verdict.word}", "", verdict.server, ""]
    lines += table(("stage", "status", ""), ((s.name, s.status.value, s.detail) for s in verdict.stages))
    for finding in verdict.findings:
        lines += ["", *_folded(finding)]
    return printable("\n".join(lines) + "\n")


def _folded(finding: Finding) -> list[str]:
    title = " ".join([spell(place_of(finding)), *finding.message.splitlines()[:1]]).strip()
    return fold(title, finding.witness if finding.rule == "suite" else finding.message)


def render_json(verdict: Verdict) -> str:
    """The document that docs/json.md describes."""
    return dump(
        verdict=verdict.word,
        schema=verdict.schema,
        server=verdict.server,
        stages=[
            {"name": s.name, "status": s.status, "detail": s.detail, "seconds": round(s.seconds, 3)}
            for s in verdict.stages
        ],
        findings=[
            {name: value or None for name, value in record(finding).items()} for finding in verdict.findings
        ],
        tests=verdict.counts("tests"),
        pgtap=verdict.counts("pgtap"),
    )


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


def render_github(verdict: Verdict) -> str:
    """An error for each finding and each stage that could not judge; a notice for each skipped test."""
    stages = [f"{stage.name}: {stage.status.value}, {stage.detail}" for stage in verdict.stages]
    summary = "\n".join([f"verdict: {verdict.word}", *stages])
    return render_annotations([*_annotations(verdict), note("verify", summary)])


def _annotations(verdict: Verdict) -> Iterator[Annotation]:
    for stage in verdict.stages:
        yield from map(_annotate, stage.findings)
        if stage.status is Status.NOT_JUDGED:
            yield Annotation(level="error", title=f"pgassay: {stage.name} not judged", message=stage.detail)
        for case in stage.cases:
            if case.outcome == "skipped":
                yield note("verify", f"skipped {case.name}: {case.reason}")


def _annotate(finding: Finding) -> Annotation:
    evidence = show_evidence(finding.witness) if finding.rule == "suite" else ()
    return Annotation(
        level="error",
        title=f"pgassay: {finding.rule}",
        message="\n".join([finding.message, *evidence]),
        place=place_of(finding),
    )


FORMATS: Mapping[str, Callable[[Verdict], str]] = {
    "text": render_text,
    "json": render_json,
    "markdown": render_markdown,
    "junit": render_junit,
    "github": render_github,
}
