"""Where a finding is, as a person would write it."""

from __future__ import annotations

from pathlib import Path

from pgassay.verdict import Finding


def relative(path: Path) -> Path:
    """`path` as seen from the working directory, if it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def place_of(finding: Finding) -> str:
    """`file:line`, as far as known."""
    if finding.file is None:
        return ""
    return f"{relative(finding.file)}:{finding.line}" if finding.line else str(relative(finding.file))
