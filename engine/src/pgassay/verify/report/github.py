"""A verdict, a matrix and a review as annotations on GitHub; the last says what it all comes to."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.render.annotation import Annotation, note, render_annotations
from pgassay.render.place import place_of
from pgassay.render.text import show_evidence
from pgassay.verdict import Finding, Status, Verdict


def render_github(verdict: Verdict) -> str:
    """An error for each finding and each stage that could not judge; a notice for each skipped test."""
    stages = [f"{stage.name}: {stage.status.value}, {stage.detail}" for stage in verdict.stages]
    summary = "\n".join([f"verdict: {verdict.word}", *stages])
    return render_annotations([*_of_verdict(verdict), note("verify", summary)])


def _of_verdict(verdict: Verdict) -> Iterator[Annotation]:
    for stage in verdict.stages:
        yield from map(_of_finding, stage.findings)
        if stage.status is Status.NOT_JUDGED:
            yield Annotation(level="error", title=f"pgassay: {stage.name} not judged", message=stage.detail)
        for case in stage.cases:
            if case.outcome == "skipped":
                yield note("verify", f"skipped {case.name}: {case.reason}")


def _of_finding(finding: Finding) -> Annotation:
    evidence = show_evidence(finding.witness) if finding.rule == "suite" else ()
    return Annotation(
        level="error",
        title=f"pgassay: {finding.rule}",
        message="\n".join([finding.message, *evidence]),
        place=place_of(finding),
    )
