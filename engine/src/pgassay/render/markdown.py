"""Text as Markdown: for a job summary, or a comment on a pull request."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

# Entities are text in Markdown: they end no cell and open no link, code or element.
_ENTITIES = {ord(character): f"&#{ord(character)};" for character in "&<|[`"}


def escape(text: str) -> str:
    """`text` as one line that Markdown shows as it is, also in a table."""
    return " ".join(text.translate(_ENTITIES).splitlines())


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Collection[int] = ()
) -> Iterator[str]:
    """The lines of a table, with the columns in `numbers` on the right; what is in a cell stays text."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---:' if column in numbers else '---' for column in range(len(head)))}|"
    for row in rows:
        yield f"| {' | '.join(escape(str(cell)) for cell in row)} |"


def fold(summary: str, body: str, *, language: str = "") -> list[str]:
    """The lines of a block that opens on a click; a list's item where it would be empty."""
    if not body:
        return [f"- {escape(summary)}"]
    title = " ".join(summary.splitlines()).replace("&", "&amp;").replace("<", "&lt;")
    return [f"<details><summary>{title}</summary>", "", *fence(body, language=language), "", "</details>"]


def fence(body: str, *, language: str = "") -> list[str]:
    """The lines of a code block."""
    ticks = "`" * max(3, _longest_run(body) + 1)
    return [f"{ticks}{language}", body.rstrip("\n"), ticks]


def _longest_run(text: str) -> int:
    """The length of the longest run of backticks, which a fence around them must exceed."""
    return max((len(list(run)) for character, run in groupby(text) if character == "`"), default=0)
