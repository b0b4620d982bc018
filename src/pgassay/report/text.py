"""For a terminal of 80 columns, readable without colour."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.report.place import place_of, relative
from pgassay.verdict import Finding, Stage, Status, Verdict

_EVIDENCE_LINES = 12


def render_text(verdict: Verdict) -> str:
    """Stages, findings, skipped tests with their reasons, and the verdict as the last line."""
    schema = ", ".join(str(relative(path)) for path in verdict.schema) or "no schema"
    lines = [f"{schema} on {verdict.server}", ""]
    lines += [_stage(stage) for stage in verdict.stages]
    lines += _findings(verdict)
    lines += _skipped(verdict)
    lines += ["", f"verdict: {verdict.word}"]
    return "\n".join(lines) + "\n"


def _stage(stage: Stage) -> str:
    took = f"{stage.seconds:6.2f} s" if stage.status is not Status.SKIPPED else ""
    first, *rest = stage.detail.splitlines() or [""]
    line = f"  {stage.name:<8}{stage.status.value:<12}{took:>8}  {first}".rstrip()
    return "\n".join([line, *(f"{'':32}{text}" for text in rest)])


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
    place = place_of(finding)
    if finding.rule == "suite":
        yield f"FAILED {finding.message}"
        yield from (f"  {line}" for line in _evidence(finding.witness))
        return
    yield f"{place}  {finding.message} [{finding.rule}]"


def _evidence(reason: str) -> list[str]:
    """pytest's own explanation, which it marks with E, else the last lines."""
    lines = reason.splitlines()
    explained = [line for line in lines if line.startswith("E ")]
    return (explained or [line for line in lines if line.strip()])[-_EVIDENCE_LINES:]


def _skipped(verdict: Verdict) -> list[str]:
    cases = [case for stage in verdict.stages for case in stage.cases if case.outcome == "skipped"]
    return ["", *(f"skipped {case.name}: {case.reason}" for case in cases)] if cases else []
