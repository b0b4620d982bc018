"""For a terminal of 80 columns, readable without colour."""

from __future__ import annotations

import textwrap

_WIDTH = 80


_EVIDENCE_LINES = 12


def wrap(line: str, *, indent: int = 2) -> str:
    """Lines of 80 columns, as far as there are spaces to break at."""
    return textwrap.fill(
        line, _WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def show_evidence(reason: str) -> list[str]:
    """pytest's own explanation, which it marks with E, else the last lines."""
    lines = reason.splitlines()
    explained = [line for line in lines if line.startswith("E ")]
    return (explained or [line for line in lines if line.strip()])[-_EVIDENCE_LINES:]
