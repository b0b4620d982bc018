"""What the suites ran and what they never did, out of an inventory and its counts; as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from pgassay.coverage.inventory import CountedFunction, CountedPolicy, CoverageInventory, Uncounted
from pgassay.errors import ExitCode, Place
from pgassay.plpgsql.model import TRUTHS
from pgassay.render.report import Report, ReportEntry, ReportSection, list_entries
from pgassay.render.text import spell
from pgassay.toml import read_entries
from pgassay.verdict import Case, Counts, Stage, Status

Kind = Literal["statement", "branch", "atom", "null"]
Text = Annotated[str, Meta(pattern=r"\S")]
REQUIRED: tuple[Kind, ...] = ("statement", "atom")
"""The kinds of which each must have been seen, or be listed as an exemption."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that is counted: `what` it is within its `subject`, a function or a policy.

    An atom of a policy makes three: that it was true, that it was false ("atom"), and that it was NULL.
    """

    kind: Kind
    subject: str
    what: str
    place: Place | None
    count: int


@dataclass(frozen=True, kw_only=True)
class Exemption:
    """What may stay unseen: the `subject` and `what` of an item, and why."""

    subject: Text
    what: Text
    reason: Text


def read_exemptions(path: Path | None) -> tuple[Exemption, ...]:
    """The entries `[[uncovered]]` of a TOML file; none where there is no file. Raises ConfigError."""
    return read_entries(path, "uncovered", Exemption)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often each item was seen. `beyond` names what has no statements of its own to count."""

    items: tuple[Item, ...]
    exemptions: tuple[Exemption, ...]
    beyond: tuple[Uncounted, ...]

    @property
    def missing(self) -> tuple[Item, ...]:
        """What should have been seen and never was, and is not exempt."""
        exempt = {(exemption.subject, exemption.what) for exemption in self.exemptions}
        return tuple(item for item in self._unseen(*REQUIRED) if (item.subject, item.what) not in exempt)

    @property
    def untaken(self) -> tuple[Item, ...]:
        """The branches that were never taken: they need not be."""
        return tuple(self._unseen("branch"))

    @property
    def stale(self) -> tuple[Exemption, ...]:
        """Exemptions of what was seen, or is not there."""
        unseen = {(item.subject, item.what) for item in self._unseen(*REQUIRED)}
        return tuple(e for e in self.exemptions if (e.subject, e.what) not in unseen)

    def _unseen(self, *kinds: Kind) -> Iterator[Item]:
        return (item for item in self.items if not item.count and item.kind in kinds)


def assess_coverage(
    inventory: CoverageInventory, counts: Mapping[str, int], exemptions: tuple[Exemption, ...]
) -> Coverage:
    """Put together what there is with how often it ran (by name; missing: never)."""
    items = [item for plan in inventory.functions for item in _function_items(plan, counts)]
    items += [item for policy in inventory.policies for item in _policy_items(policy, counts)]
    items += [_refused(uncounted) for uncounted in inventory.refused]
    return Coverage(items=tuple(items), exemptions=exemptions, beyond=inventory.beyond)


def _function_items(plan: CountedFunction, counts: Mapping[str, int]) -> Iterator[Item]:
    subject = plan.function.function
    for point in plan.points:
        count = counts.get(point.name, 0)
        yield Item(kind="statement", subject=subject, what=point.text, place=point.place, count=count)
    for branch in plan.branches:
        what = branch.text if branch.kind not in ("no else", "no turn") else f"{branch.kind}: {branch.text}"
        count = counts.get(branch.name, 0)
        yield Item(kind="branch", subject=subject, what=what, place=branch.place, count=count)


def _policy_items(plan: CountedPolicy, counts: Mapping[str, int]) -> Iterator[Item]:
    for atom in plan.atoms:
        for truth in TRUTHS:
            yield Item(
                kind="null" if truth == "null" else "atom",
                subject=atom.policy,
                what=f"{atom.clause} {atom.text} is {truth}",
                place=atom.place,
                count=counts.get(f"{atom.name} {truth}", 0),
            )


def _refused(uncounted: Uncounted) -> Item:
    what = f"no probe can be placed: {uncounted.reason}"
    return Item(kind="statement", subject=uncounted.subject, what=what, place=None, count=0)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the suites covered, and what became of them.

    `suites` ran with counters. `failed` are the tests that fail without them too; `disturbed` those that only
    fail with them, because they look at plans or at the text of the schema. `unread` are databases whose
    counts are lost.
    """

    coverage: Coverage
    suites: Stage
    failed: tuple[Case, ...]
    disturbed: tuple[Case, ...]
    unread: tuple[str, ...]
    seconds: float

    @property
    def exit_code(self) -> ExitCode:
        """Good only if the suites pass, their counts are whole, and nothing is missing or stale."""
        if self.suites.status is Status.NOT_JUDGED or self.unread:
            return ExitCode.CANNOT_JUDGE
        problem = self.failed or self.coverage.missing or self.coverage.stale
        return ExitCode.SCHEMA_PROBLEM if problem else ExitCode.GOOD


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
