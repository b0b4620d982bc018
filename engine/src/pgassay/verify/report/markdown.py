"""A verdict for a job summary or a comment on a pull request."""

from __future__ import annotations

from pgassay.errors import printable
from pgassay.render.markdown import escape, fold
from pgassay.render.place import place_of, spell
from pgassay.verdict import Finding, Verdict


def render_markdown(verdict: Verdict) -> str:
    """A table of stages, then the findings, folded."""
    lines = [f"## pgassay: {verdict.word}", "", verdict.server, "", "| stage | status | |", "|---|---|---|"]
    lines += [f"| {s.name} | {s.status.value} | {escape(s.detail)} |" for s in verdict.stages]
    for finding in verdict.findings:
        lines += ["", *_finding(finding)]
    return printable("\n".join(lines) + "\n")


def _finding(finding: Finding) -> list[str]:
    title = " ".join([spell(place_of(finding)), *finding.message.splitlines()[:1]]).strip()
    return fold(title, finding.witness if finding.rule == "suite" else finding.message)
