"""For a terminal of 80 columns, readable without colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pgassay.errors import printable
from pgassay.report.place import place_of, relative, spell
from pgassay.verdict import Finding, Stage, Status, Verdict

_WIDTH = 80
_EVIDENCE_LINES = 12


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


def wrap(line: str, *, indent: int = 2) -> str:
    """Lines of 80 columns, as far as there are spaces to break at."""
    return textwrap.fill(
        line, _WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


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


def show_evidence(reason: str) -> list[str]:
    """pytest's own explanation, which it marks with E, else the last lines."""
    lines = reason.splitlines()
    explained = [line for line in lines if line.startswith("E ")]
    return (explained or [line for line in lines if line.strip()])[-_EVIDENCE_LINES:]


def _skipped(verdict: Verdict) -> list[str]:
    cases = [case for stage in verdict.stages for case in stage.cases if case.outcome == "skipped"]
    return ["", *(wrap(f"skipped {case.name}: {case.reason}") for case in cases)] if cases else []
