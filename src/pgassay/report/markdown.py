"""For a job summary or a comment on a pull request."""

from __future__ import annotations

from pgassay.report.place import place_of
from pgassay.verdict import Finding, Verdict


def render_markdown(verdict: Verdict) -> str:
    """A table of stages, then the findings, folded."""
    lines = [f"## pgassay: {verdict.word}", "", verdict.server, "", "| stage | status | |", "|---|---|---|"]
    lines += [f"| {s.name} | {s.status.value} | {_cell(s.detail)} |" for s in verdict.stages]
    for finding in verdict.findings:
        lines += ["", *_finding(finding)]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _finding(finding: Finding) -> list[str]:
    title = f"{place_of(finding)} {finding.message.splitlines()[0]}".strip()
    body = finding.witness if finding.rule == "suite" else finding.message
    # A fence longer than any in the body.
    fence = "`" * (max((len(run) for run in body.split("\n") if run.startswith("```")), default=2) + 1)
    summary = title.replace("&", "&amp;").replace("<", "&lt;")
    return [f"<details><summary>{summary}</summary>", "", fence, body, fence, "", "</details>"]
