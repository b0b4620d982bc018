"""A report as data: a command says what it found, and every format is made of that here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgassay import render
from pgassay.errors import ExitCode, Place, printable
from pgassay.render.ci import Annotation, Suite, render_annotations, render_suites
from pgassay.render.json import dump
from pgassay.render.output import Output, publish
from pgassay.render.page import make_environment, read_asset, write_policy
from pgassay.render.text import WIDTH, escape, fold, spell, table, wrap

_DEEPEST = 40  # columns: a table's last column that begins behind them has lines of its own if it is long
_LONGEST = 60_000  # characters of Markdown: a comment on GitHub has at most 65,536
_LOOKS = {ExitCode.GOOD: "good", ExitCode.SCHEMA_PROBLEM: "gained", ExitCode.CANNOT_JUDGE: "error"}


@dataclass(frozen=True, kw_only=True)
class ReportEntry:
    """One thing to tell: a row of a table, or a line of its own, which is its only cell.

    `why` are sentences that explain it; `code` shows it verbatim (a statement, the output of a test): text
    has only its `excerpt`. A page marks what `is_bad`.
    """

    cells: tuple[object, ...]
    place: Place | None = None
    why: tuple[str, ...] = ()
    code: str = ""
    excerpt: str = ""
    is_bad: bool = False


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """Entries below a title; a table where there is a `head`, with the columns in `numbers` on the right.

    One that is `folded` opens on a click. What is not `in_text` is for reports that can be looked up in.
    Where `is_inline`, text has the title in each line. `language` is that of the code of its entries.
    """

    title: str = ""
    entries: tuple[ReportEntry, ...]
    head: tuple[str, ...] = ()
    numbers: Collection[int] = ()
    folded: bool = False
    in_text: bool = True
    is_inline: bool = False
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """A part of a page that a package has a template and a style for; `values` are those of the template."""

    package: str
    template: str
    style: str
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What `command` found. `claim` is the verdict in words, `about` what was looked at.

    `document` are the fields of its JSON, `suites` its test cases; `fragments` are for the page alone, and
    `page` makes one that is not like the others.
    """

    command: str
    title: str
    verdict: ExitCode
    claim: str = ""
    summary: tuple[str, ...]
    sections: tuple[ReportSection, ...]
    document: Mapping[str, Any]
    about: str = ""
    page: Callable[[], str] | None = None
    suites: Sequence[Suite] = ()
    annotations: tuple[Annotation, ...] = ()
    fragments: tuple[Fragment, ...] = ()
    seconds: float = field(default=0.0)

    @property
    def look(self) -> str:
        """How a page shows the verdict."""
        return _LOOKS[self.verdict]


def quote_message(message: str) -> ReportEntry:
    """What is whole by itself, such as the server's: place, line of text and caret."""
    first, _, rest = message.partition("\n")
    return ReportEntry(cells=(first,), code=message, excerpt=rest)


def list_entries(*lines: str) -> tuple[ReportEntry, ...]:
    """An entry for each line."""
    return tuple(ReportEntry(cells=(line,)) for line in lines)


def render_text(report: Report) -> str:
    """For a terminal of 80 columns; the summary is last."""
    sections = [
        "\n".join(section_text(section)) for section in report.sections if section.entries and section.in_text
    ]
    parts = [*([wrap(report.about)] if report.about else []), *sections, "\n".join(map(wrap, report.summary))]
    return printable("\n\n".join(parts) + "\n")


def section_text(section: ReportSection) -> Iterator[str]:
    """Its lines, for a terminal."""
    is_titled = bool(section.title) and not section.is_inline
    if is_titled:
        yield section.title
    if section.head:
        yield from _table_text(section)
        return
    margin = "  " if is_titled else ""
    label = f"{section.title}: " if section.is_inline else ""
    texts = ["\n".join(_entry_text(entry, margin, label)) for entry in section.entries]
    is_roomy = not is_titled and any("\n" in text for text in texts)
    yield ("\n\n" if is_roomy else "\n").join(texts)


def _entry_text(entry: ReportEntry, margin: str, label: str) -> Iterator[str]:
    yield wrap(margin + _titled(entry, label), indent=len(margin) + 2)
    yield from _explanation(entry, f"{margin}  ")


def _titled(entry: ReportEntry, label: str = "") -> str:
    return "  ".join(filter(None, [spell(entry.place), f"{label}{entry.cells[0]}"]))


def _explanation(entry: ReportEntry, margin: str) -> Iterator[str]:
    yield from (wrap(margin + sentence, indent=len(margin)) for sentence in entry.why)
    yield from (margin + line for line in entry.excerpt.splitlines())


def _table_text(section: ReportSection) -> Iterator[str]:
    """Columns as wide as they need be; of the last one, more lines than one, or a long one, stand below."""
    rows = [[str(cell).partition("\n")[0] for cell in entry.cells] for entry in section.entries]
    lines = [list(section.head), *rows] if any(section.head) else rows
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    start = sum(width + 2 for width in widths[:-1]) + 2

    def line(cells: list[str]) -> str:
        padded = [
            f"{cell:>{width}}" if column in section.numbers else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        *first, last = padded
        text = "  ".join(["", *first, last]).rstrip()
        if len(widths) - 1 in section.numbers or len(text) <= WIDTH:
            return text
        if start <= _DEEPEST:
            return wrap(text, indent=start + 2)
        return "\n".join(["  ".join(["", *first]).rstrip(), wrap(f"      {last.strip()}", indent=6)])

    if any(section.head):
        yield line(list(section.head))
    for cells, entry in zip(rows, section.entries, strict=True):
        yield line(cells)
        yield from (f"    {more}" for more in str(entry.cells[-1]).splitlines()[1:])
        yield from _explanation(entry, "    ")


def render_markdown(report: Report) -> str:
    """For a job summary, or a comment on a pull request; the summary is first."""
    title = ", ".join(filter(None, [report.title, report.verdict.word]))
    paragraphs = filter(None, [report.about, *report.summary])
    lines = [f"## pgassay: {title}", *(line for text in paragraphs for line in ("", escape(text)))]
    blocks = [block for section in report.sections if section.entries for block in _blocks(section)]
    return printable("\n".join([*lines, *_fit(blocks)]) + "\n")


def _fit(blocks: Sequence[Sequence[str]]) -> Iterator[str]:
    """As many blocks as a comment holds, and how many more there are."""
    left = _LONGEST
    for number, block in enumerate(blocks):
        left -= sum(len(line) + 1 for line in block)
        if left < 0:
            yield from ("", f"{len(blocks) - number} more do not fit here; the other reports have them.")
            return
        yield from block


def _blocks(section: ReportSection) -> Iterator[list[str]]:
    """A section as a whole, or each entry of a list by itself, the first below the title."""
    title = ["", *([f"### {_capitalize(section.title)}", ""] if section.title else [])]
    if section.folded:
        opening = ["", f"<details><summary>{section.title}</summary>", ""]
        yield [*opening, *_content(section), "", "</details>"]
    elif section.head:
        yield [*title, *_content(section)]
    else:
        for entry in section.entries:
            yield [*title, *_folded(entry, section.language)]
            title = []


def _content(section: ReportSection) -> Iterator[str]:
    if section.head:
        has_reasons = any(entry.why for entry in section.entries)
        rows = ((*e.cells, "; ".join(e.why)) if has_reasons else e.cells for e in section.entries)
        yield from table((*section.head, *(["why"] if has_reasons else [])), rows, numbers=section.numbers)
    else:
        for entry in section.entries:
            yield from _folded(entry, section.language)


def _folded(entry: ReportEntry, language: str) -> list[str]:
    body = "\n".join(filter(None, [*entry.why, entry.code]))
    return fold(_titled(entry), body, language=language)


def _capitalize(title: str) -> str:
    return title[:1].upper() + title[1:]


def render_json(report: Report) -> str:
    """The document that docs/json.md describes."""
    return dump(**report.document)


def render_junit(report: Report) -> str:
    """A suite for each group of test cases."""
    return render_suites(f"pgassay {report.command}", report.suites, seconds=report.seconds)


def render_html(report: Report) -> str:
    """A page that needs nothing else."""
    if report.page:
        return report.page()
    style = read_asset(render.__name__, "page.css") + read_asset(render.__name__, "report.css")
    style += "".join(read_asset(fragment.package, fragment.style) for fragment in report.fragments)
    environment = make_environment(*(fragment.package for fragment in report.fragments))
    environment.filters["headline"] = _capitalize
    values = {name: value for fragment in report.fragments for name, value in fragment.values.items()}
    return environment.get_template("report.html").render(
        policy=write_policy(style, "", images=bool(report.fragments)), style=style, report=report, **values
    )


def render_github(report: Report) -> str:
    """Annotations, the last of which sums up."""
    return render_annotations(report.annotations)


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": render_text,
    "json": render_json,
    "markdown": render_markdown,
    "html": render_html,
    "junit": render_junit,
    "github": render_github,
}


def publish_report(report: Report, output: Output) -> ExitCode:
    """Show and write it as was asked for; the verdict. Raises ConfigError."""
    publish(report, FORMATS, output)
    return report.verdict
