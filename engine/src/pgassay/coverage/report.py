"""What the suites covered, as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from pgassay.coverage.assessment import Exemption, Item, Measurement
from pgassay.errors import ExitCode
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries
from pgassay.render.text import spell
from pgassay.verdict import Case, Counts

FORMATS = ("text", "json", "markdown", "html")

_SUMMED = {"statement": "statements", "branch": "branches", "atom": "atoms"}
_CLAIMS = {
    ExitCode.GOOD: "The suites run everything that they should",
    ExitCode.SCHEMA_PROBLEM: "Something was never run, or a test fails",
    ExitCode.CANNOT_JUDGE: "Not judged",
}
_LONGEST = 45


def report_coverage(found: Measurement) -> Report:
    """Each function and policy, what was never seen, what became of the tests, and the sums."""
    return Report(
        command="coverage",
        title="coverage",
        verdict=found.exit_code,
        claim=_CLAIMS[found.exit_code],
        summary=tuple(_summary(found)),
        sections=tuple(_sections(found)),
        document=_document(found),
        seconds=found.seconds,
    )


def _document(found: Measurement) -> dict[str, Any]:
    coverage = found.coverage
    suites = found.suites.counts
    return {
        "verdict": found.exit_code.word,
        **{name: _sum(coverage.items, kind) for kind, name in _SUMMED.items()},
        "missing": coverage.missing,
        "exempt": coverage.exemptions,
        "stale": coverage.stale,
        "not_counted": coverage.beyond,
        "items": coverage.items,
        "tests": suites.get("tests", Counts()),
        "pgtap": suites.get("pgtap", Counts()),
        "failed": _names(found.failed),
        "disturbed": _names(found.disturbed),
        "unread": found.unread,
        "seconds": round(found.seconds, 3),
    }


def _sections(found: Measurement) -> Iterator[ReportSection]:
    coverage = found.coverage
    yield _table(coverage.items, "function", "statement", "branch")
    yield _table(coverage.items, "policy (each atom seen true, seen false)", "atom")
    yield ReportSection(title="never seen", entries=tuple(map(_tell, coverage.missing)))
    yield ReportSection(
        title="never taken (branches; they need not be)", entries=tuple(map(_tell, coverage.untaken))
    )
    told = {
        "exempt": map(_tell_exemption, coverage.exemptions),
        "stale exemptions, of what was seen or is not there": map(_tell_exemption, coverage.stale),
        "not counted: no statements to put a probe before": (
            f"{uncounted.subject} {uncounted.reason}" for uncounted in coverage.beyond
        ),
        "counts lost": found.unread,
        "failed": _names(found.failed),
        "failed with counters only, which change plans and texts": _by_file(found.disturbed),
    }
    yield from (ReportSection(title=title, entries=list_entries(*lines)) for title, lines in told.items())


def _table(items: Iterable[Item], what: str, *kinds: str) -> ReportSection:
    """The shares that were seen, of each function or policy."""
    counted = [item for item in items if item.kind in kinds]
    groups = [list(group) for _, group in groupby(counted, key=lambda item: item.subject)]
    return ReportSection(
        head=(*(_SUMMED[kind] for kind in kinds), "", what),
        numbers=range(len(kinds)),
        entries=tuple(
            ReportEntry(cells=(*(_share(g, kind) for kind in kinds), spell(g[0].place), _title(g[0].subject)))
            for g in groups
        ),
    )


def _summary(found: Measurement) -> Iterator[str]:
    yield from f"suites: {found.suites.detail}".splitlines()
    sums = {name: _sum(found.coverage.items, kind) for kind, name in _SUMMED.items()}
    told = ", ".join(f"{sum['seen']} of {sum['total']} {name}" for name, sum in sums.items())
    yield f"seen {told} in {found.seconds:.1f} s: {found.exit_code.word}"


def _share(items: Iterable[Item], kind: str) -> str:
    seen, total = _sum(items, kind).values()
    return f"{seen}/{total} {100 * seen // total:>3} %" if total else "-"


def _sum(items: Iterable[Item], kind: str) -> dict[str, int]:
    counts = [item.count for item in items if item.kind == kind]
    return {"seen": sum(map(bool, counts)), "total": len(counts)}


def _title(subject: str) -> str:
    name, bracket, _ = subject.partition("(")
    return f"{name}(…)" if bracket and len(subject) > _LONGEST and not subject.startswith('"') else subject


def _tell(item: Item) -> ReportEntry:
    return ReportEntry(cells=(f"{_title(item.subject)}: {item.what}",), place=item.place)


def _tell_exemption(exemption: Exemption) -> str:
    return f"{_title(exemption.subject)}: {exemption.what} ({exemption.reason})"


def _names(cases: tuple[Case, ...]) -> list[str]:
    return [case.name for case in cases]


def _by_file(cases: tuple[Case, ...]) -> list[str]:
    files = Counter(case.name.partition("::")[0] for case in cases)
    return [f"{count:>4} in {file}" for file, count in files.items()]
