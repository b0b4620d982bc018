"""What the suites covered, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from pgassay.coverage import Exemption, Item, Measurement
from pgassay.errors import printable
from pgassay.render.json import dump
from pgassay.render.markdown import escape, table
from pgassay.render.text import wrap
from pgassay.verdict import Case, Counts

_SUMMED = {"statement": "statements", "branch": "branches", "atom": "atoms"}
_LONGEST = 45


def render_coverage_text(found: Measurement) -> str:
    """A line for each function and policy, what was never seen, what became of the tests, and the sums."""
    lines = [f"{'statements':>14}  {'branches':>14}  function"]
    lines += [_row(group, "statement", "branch") for group in _groups(found, "statement", "branch")]
    lines += ["", f"{'atoms':>14}  policy (each atom seen true, seen false)"]
    lines += [_row(group, "atom") for group in _groups(found, "atom")]
    for title, entries in _sections(found):
        lines += ["", title, *(wrap(f"  {entry}", indent=4) for entry in entries)]
    return printable("\n".join([*lines, "", *_closing(found)]) + "\n")


def render_coverage_markdown(found: Measurement) -> str:
    """The sums, what was never seen, and a folded table of functions and policies."""
    lines = [f"## pgassay: coverage, {found.exit_code.word}", "", *_closing(found)]
    for title, entries in _sections(found):
        lines += ["", f"**{title}**", "", *(f"- {escape(entry)}" for entry in entries)]
    lines += ["", "<details><summary>functions and policies</summary>", ""]
    rows = (
        (_place(group[0]), group[0].subject, *(_share(group, kind) for kind in _SUMMED))
        for group in _groups(found, *_SUMMED)
    )
    lines += table(("", "", *_SUMMED.values()), rows)
    return printable("\n".join([*lines, "", "</details>"]) + "\n")


def render_coverage_json(found: Measurement) -> str:
    """The document that docs/json.md describes."""
    coverage = found.coverage
    suites = found.suites.counts
    return dump(
        verdict=found.exit_code.word,
        **{name: _sum(coverage.items, kind) for kind, name in _SUMMED.items()},
        missing=coverage.missing,
        exempt=coverage.exemptions,
        stale=coverage.stale,
        not_counted=coverage.beyond,
        items=coverage.items,
        tests=suites.get("tests", Counts()),
        pgtap=suites.get("pgtap", Counts()),
        failed=_names(found.failed),
        disturbed=_names(found.disturbed),
        unread=found.unread,
        seconds=round(found.seconds, 3),
    )


COVERAGE_FORMATS: Mapping[str, Callable[[Measurement], str]] = {
    "text": render_coverage_text,
    "json": render_coverage_json,
    "markdown": render_coverage_markdown,
}


def _sections(found: Measurement) -> Iterator[tuple[str, list[str]]]:
    """Headings and what stands below them; only those that have something to say."""
    coverage = found.coverage
    sections = {
        "never seen": map(_tell, coverage.missing),
        "never taken (branches; they need not be)": map(_tell, coverage.untaken),
        "exempt": map(_tell_exemption, coverage.exemptions),
        "stale exemptions, of what was seen or is not there": map(_tell_exemption, coverage.stale),
        "not counted: no statements to put a probe before": (
            f"{uncounted.subject} {uncounted.reason}" for uncounted in coverage.beyond
        ),
        "counts lost": found.unread,
        "failed": _names(found.failed),
        "failed with counters only, which change plans and texts": _by_file(found.disturbed),
    }
    for title, entries in sections.items():
        if listed := list(entries):
            yield title, listed


def _closing(found: Measurement) -> Iterator[str]:
    yield from (wrap(line) for line in f"suites: {found.suites.detail}".splitlines())
    sums = {name: _sum(found.coverage.items, kind) for kind, name in _SUMMED.items()}
    told = ", ".join(f"{sum['seen']} of {sum['total']} {name}" for name, sum in sums.items())
    yield wrap(f"seen {told} in {found.seconds:.1f} s: {found.exit_code.word}")


def _groups(found: Measurement, *kinds: str) -> Iterator[list[Item]]:
    """The items of these kinds, by function or policy."""
    items = [item for item in found.coverage.items if item.kind in kinds]
    return (list(group) for _, group in groupby(items, key=lambda item: item.subject))


def _row(items: list[Item], *kinds: str) -> str:
    shares = "  ".join(f"{_share(items, kind):>14}" for kind in kinds)
    return f"{shares}  {_place(items[0]):<17}{_title(items[0].subject)}"


def _share(items: Iterable[Item], kind: str) -> str:
    seen, total = _sum(items, kind).values()
    return f"{seen}/{total} {100 * seen // total:>3} %" if total else "-"


def _sum(items: Iterable[Item], kind: str) -> dict[str, int]:
    counts = [item.count for item in items if item.kind == kind]
    return {"seen": sum(map(bool, counts)), "total": len(counts)}


def _place(item: Item) -> str:
    return str(item.place or "-")


def _title(subject: str) -> str:
    name, bracket, _ = subject.partition("(")
    return f"{name}(…)" if bracket and len(subject) > _LONGEST and not subject.startswith('"') else subject


def _tell(item: Item) -> str:
    return f"{_place(item)} {_title(item.subject)}: {item.what}"


def _tell_exemption(exemption: Exemption) -> str:
    return f"{_title(exemption.subject)}: {exemption.what} ({exemption.reason})"


def _names(cases: tuple[Case, ...]) -> list[str]:
    return [case.name for case in cases]


def _by_file(cases: tuple[Case, ...]) -> list[str]:
    files = Counter(case.name.partition("::")[0] for case in cases)
    return [f"{count:>4} in {file}" for file, count in files.items()]
