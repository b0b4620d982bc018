"""A verdict for a terminal of 80 columns, readable without colour."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.errors import printable
from pgassay.render.place import place_of, relative, spell
from pgassay.render.text import show_evidence, wrap
from pgassay.verdict import Finding, Stage, Status, Verdict


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
        lines = list(_finding(finding))
        if roomy or len(lines) > 1:
            yield ""
        yield from lines
        roomy = len(lines) > 1


def _finding(finding: Finding) -> Iterator[str]:
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
