"""What a run over mutants found, as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from pgassay import guard_map
from pgassay.errors import ExitCode
from pgassay.guard_map.sheet import GuardSheet, make_section
from pgassay.mutation.guard_map import map_guards
from pgassay.mutation.model import Campaign, Fate, Mutant, Status
from pgassay.render.json import place_fields
from pgassay.render.junit import Check, Outcome, Suite
from pgassay.render.report import Entry, Fragment, Report, Section, list_entries

FORMATS = ("text", "json", "markdown", "html", "junit")

_OUTCOMES: Mapping[Status, Outcome] = {
    Status.SURVIVED: "failure",
    Status.UNJUDGED: "error",
    Status.EQUIVALENT: "skipped",
}
_CLAIMS = {
    ExitCode.GOOD: "Every mutant was noticed",
    ExitCode.SCHEMA_PROBLEM: "Something is unguarded",
    ExitCode.CANNOT_JUDGE: "Not judged",
}


def report_mutants(campaign: Campaign) -> Report:
    """The survivors with their places; what could not be judged, and why; the numbers; the guard map."""
    groups = make_section(GuardSheet(guards=map_guards(campaign)))
    fragment = Fragment(
        package=guard_map.__name__, template="guards.html", style="guards.css", values={"sheet": groups}
    )
    return Report(
        command="mutate",
        title="mutants",
        verdict=campaign.exit_code,
        claim=_CLAIMS[campaign.exit_code] if campaign.fates else "There was nothing to mutate",
        summary=tuple(_summary(campaign)),
        sections=_sections(campaign),
        document=_document(campaign),
        suites=_suites(campaign),
        fragments=(fragment,) if groups.groups else (),
        seconds=campaign.seconds,
    )


def _sections(campaign: Campaign) -> tuple[Section, ...]:
    return (
        Section(title="survived", entries=_entries(campaign.survived)),
        Section(title="not judged", entries=_entries(campaign.unjudged)),
        Section(title="equivalent", entries=_entries(campaign.equivalent)),
        Section(title="stale: no mutant is called so any more", entries=list_entries(*campaign.stale)),
        Section(title="invalid, by what the server says", entries=list_entries(*_refusals(campaign))),
        Section(
            title="by operator", head=("", "killed", "survived", "invalid"), numbers=(1, 2, 3), folded=True,
            in_text=False, entries=tuple(Entry(cells=row) for row in _operators(campaign)),
        ),
    )  # fmt: skip


def _entries(fates: Iterable[Fate]) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            cells=(fate.mutant.description,),
            place=fate.mutant.place,
            why=(f"{fate.mutant.id}: {fate.result.reason or _tried(fate)}",),
            code=";\n".join(fate.mutant.statements) + ";",
        )
        for fate in fates
    )


def _tried(fate: Fate) -> str:
    ran = fate.result.ran
    return f"{ran} {'test' if ran == 1 else 'tests'} passed" if ran else "no test has anything to do with it"


def _refusals(campaign: Campaign) -> Iterator[str]:
    reasons = Counter(_kind(fate.result.reason) for fate in campaign.invalid)
    return (f"{count:>4}  {reason}" for reason, count in reasons.most_common())


def _kind(reason: str) -> str:
    """A message of the server's without the names in it."""
    parts = reason.split('"')
    return '"…"'.join(parts[::2]) if len(parts) % 2 else reason


def _summary(campaign: Campaign) -> Iterator[str]:
    late = len(campaign.of(Status.TIMEOUT))
    killed = f"{len(campaign.killed)} killed" + (f" ({late} by a test that did not end)" if late else "")
    counts = [killed, f"{len(campaign.survived)} survived", f"{len(campaign.equivalent)} equivalent"]
    counts += [f"{len(campaign.unjudged)} not judged"] if campaign.unjudged else []
    yield f"{campaign.valid} valid mutants: {', '.join(counts)}; {len(campaign.invalid)} invalid"
    if campaign.blind:
        yield f"left out: {len(campaign.blind)} tests that send nothing to a database or are skipped"
    resumed = f", {campaign.resumed} known from an earlier run" if campaign.resumed else ""
    took = f"{campaign.tests} tests in {campaign.seconds:.0f} s{resumed}"
    yield f"{campaign.score:.1%} killed by {took}: {campaign.exit_code.word}"


def _by_operator(fates: Iterable[Fate]) -> Iterator[tuple[str, list[Fate]]]:
    ordered = sorted(fates, key=lambda fate: fate.mutant.operator)
    return ((name, list(group)) for name, group in groupby(ordered, key=lambda fate: fate.mutant.operator))


def _operators(campaign: Campaign) -> Iterator[tuple[object, ...]]:
    for name, group in _by_operator(campaign.fates):
        found = Counter(fate.result.status for fate in group)
        killed = found[Status.KILLED] + found[Status.TIMEOUT]
        yield name, killed, found[Status.SURVIVED], found[Status.INVALID]


def _document(campaign: Campaign) -> dict[str, Any]:
    return {
        "verdict": campaign.exit_code.word,
        "valid": campaign.valid,
        "killed": len(campaign.killed),
        "survived": [_mutant(fate.mutant) for fate in campaign.survived],
        "equivalent": [{"mutant": f.mutant.id, "reason": f.result.reason} for f in campaign.equivalent],
        "invalid": len(campaign.invalid),
        "not_judged": [{"mutant": f.mutant.id, "reason": f.result.reason} for f in campaign.unjudged],
        "stale": campaign.stale,
        "score": round(campaign.score, 4),
        "mutants": [_fate(fate) for fate in campaign.fates],
        "left_out": campaign.blind,
        "seconds": round(campaign.seconds, 3),
    }


def _mutant(mutant: Mutant) -> dict[str, Any]:
    return {
        "mutant": mutant.id,
        "operator": mutant.operator,
        "description": mutant.description,
        **place_fields(mutant.place),
        "statements": mutant.statements,
    }


def _fate(fate: Fate) -> dict[str, Any]:
    result = fate.result
    return {
        "mutant": result.id,
        "status": result.status,
        "by": result.by or None,
        "tests": result.ran,
        "seconds": round(result.seconds, 3),
    }


def _suites(campaign: Campaign) -> list[Suite]:
    """A suite for each operator, a case for each valid mutant."""
    able = [fate for fate in campaign.fates if fate.result.status is not Status.INVALID]
    return [Suite(name=name, checks=tuple(map(_check, group))) for name, group in _by_operator(able)]


def _check(fate: Fate) -> Check:
    result = fate.result
    return Check(
        group=fate.mutant.operator,
        name=result.id,
        outcome=_OUTCOMES.get(result.status, "passed"),
        message=f"{fate.mutant.description} {result.reason}".strip(),
        place=fate.mutant.place,
        seconds=result.seconds,
    )
