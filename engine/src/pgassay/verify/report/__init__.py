"""Verdicts as text: one module a format, each a pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pgassay.verdict import Verdict
from pgassay.verify.report.github import render_github
from pgassay.verify.report.json import render_json
from pgassay.verify.report.junit import render_junit
from pgassay.verify.report.markdown import render_markdown
from pgassay.verify.report.text import render_text

FORMATS: Mapping[str, Callable[[Verdict], str]] = {
    "text": render_text,
    "json": render_json,
    "markdown": render_markdown,
    "junit": render_junit,
    "github": render_github,
}
