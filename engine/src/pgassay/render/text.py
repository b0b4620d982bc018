"""Lines for a terminal of 80 columns, readable without colour; places as a person writes them; Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from pgassay.errors import Place

WIDTH = 80
_EVIDENCE_LINES = 12
_NAMED_FILES = 4


def wrap(line: str, *, indent: int = 2) -> str:
    """Lines of 80 columns, as far as there are spaces to break at."""
    return textwrap.fill(
        line, WIDTH, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def counted(number: int, kind: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {kind}{'' if number == 1 else 's'}"


def show_evidence(reason: str) -> list[str]:
    """pytest's own explanation, which it marks with E, else the last lines."""
    lines = reason.splitlines()
    explained = [line for line in lines if line.startswith("E ")]
    return (explained or [line for line in lines if line.strip()])[-_EVIDENCE_LINES:]


def relative(path: Path) -> Path:
    """`path` as seen from the working directory, if it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def name_files(files: Sequence[Path]) -> str:
    """A few files by name; of many, such as migrations, how many and which range."""
    if len(files) <= _NAMED_FILES:
        return ", ".join(file.name for file in files)
    return f"{len(files)} files, {files[0].name} to {files[-1].name}"


def in_repository(path: Path) -> Path:
    """`path` as git names it; outside a repository as `relative` does."""
    root = next((folder for folder in path.parents if (folder / ".git").exists()), Path.cwd())
    return path.relative_to(root) if path.is_relative_to(root) else path


def spell(place: Place | None) -> str:
    """`file:line`, or `file` where no line is known; "" for nowhere."""
    if place is None:
        return ""
    return f"{relative(place.file)}:{place.line}" if place.line else str(relative(place.file))


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
