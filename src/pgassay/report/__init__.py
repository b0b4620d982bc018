"""Verdicts as text: one module a format, each a pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pgassay.report.github import render_github
from pgassay.report.json import render_json
from pgassay.report.junit import render_junit
from pgassay.report.markdown import render_markdown
from pgassay.report.text import render_text
from pgassay.verdict import Verdict

FORMATS: Mapping[str, Callable[[Verdict], str]] = {
    "text": render_text,
    "json": render_json,
    "markdown": render_markdown,
    "junit": render_junit,
    "github": render_github,
}
