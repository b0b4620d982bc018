"""For a job summary or a comment on a pull request."""

from __future__ import annotations

from itertools import groupby

from pgassay.errors import printable
from pgassay.report.place import place_of
from pgassay.verdict import Finding, Verdict

# Entities are text in Markdown: they end no cell and open no link, code or element.
_ENTITIES = {ord(character): f"&#{ord(character)};" for character in "&<|[`"}


def render_markdown(verdict: Verdict) -> str:
    """A table of stages, then the findings, folded."""
    lines = [f"## pgassay: {verdict.word}", "", verdict.server, "", "| stage | status | |", "|---|---|---|"]
    lines += [f"| {s.name} | {s.status.value} | {cell(s.detail)} |" for s in verdict.stages]
    for finding in verdict.findings:
        lines += ["", *_finding(finding)]
    return printable("\n".join(lines) + "\n")


def cell(text: str) -> str:
    return " ".join(text.translate(_ENTITIES).splitlines())


def _finding(finding: Finding) -> list[str]:
    title = " ".join([place_of(finding), *finding.message.splitlines()[:1]]).strip()
    body = finding.witness if finding.rule == "suite" else finding.message
    fence = "`" * max(3, _longest_run(body) + 1)
    summary = title.replace("&", "&amp;").replace("<", "&lt;")
    return [f"<details><summary>{summary}</summary>", "", fence, body, fence, "", "</details>"]


def _longest_run(text: str) -> int:
    """The length of the longest run of backticks, which a fence around them must exceed."""
    return max((len(list(run)) for character, run in groupby(text) if character == "`"), default=0)
