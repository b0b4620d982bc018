"""What a run over mutants found, as a report; which tests guard what, as a map. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from pgassay import guard_map
from pgassay.catalog.model import ObjectKey
from pgassay.errors import ExitCode, printable
from pgassay.guard_map import GuardedObject, GuardSheet
from pgassay.mutation.model import MutantFate, MutantStatus, MutationCampaign
from pgassay.render.ci import Check, Outcome, Suite
from pgassay.render.json import place_fields
from pgassay.render.report import Fragment, Report, ReportEntry, ReportSection, list_entries
from pgassay.render.text import counted, escape

FORMATS = ("text", "json", "markdown", "html", "junit")

_OUTCOMES: Mapping[MutantStatus, Outcome] = {
    MutantStatus.SURVIVED: "failure",
    MutantStatus.UNJUDGED: "error",
    MutantStatus.EQUIVALENT: "skipped",
}
_CLAIMS = {
    ExitCode.GOOD: "Every mutant was noticed",
    ExitCode.SCHEMA_PROBLEM: "Something is unguarded",
    ExitCode.CANNOT_JUDGE: "Not judged",
}


def report_mutants(campaign: MutationCampaign) -> Report:
    """The survivors with their places; what could not be judged, and why; the numbers; the guard map."""
    sheet = GuardSheet(guards=map_guards(campaign))
    fragment = Fragment(
        package=guard_map.__name__, template="guards.html", style="guards.css", values={"sheet": sheet}
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
        fragments=(fragment,) if sheet.groups else (),
        seconds=campaign.seconds,
    )


def _sections(campaign: MutationCampaign) -> tuple[ReportSection, ...]:
    return (
        ReportSection(title="survived", entries=_entries(_survivors(campaign, pairs=False))),
        ReportSection(title="survived, of two changes", entries=_entries(_survivors(campaign, pairs=True))),
        ReportSection(title="not judged", entries=_entries(campaign.unjudged)),
        ReportSection(title="equivalent", entries=_entries(campaign.equivalent)),
        ReportSection(title="stale: no mutant is called so any more", entries=list_entries(*campaign.stale)),
        ReportSection(title="invalid, by what the server says", entries=list_entries(*_refusals(campaign))),
        ReportSection(
            title="by operator", head=("", "killed", "survived", "invalid"), numbers=(1, 2, 3), folded=True,
            in_text=False, entries=tuple(ReportEntry(cells=row) for row in _operators(campaign)),
        ),
    )  # fmt: skip


def _survivors(campaign: MutationCampaign, *, pairs: bool) -> list[MutantFate]:
    return [fate for fate in campaign.survived if bool(fate.mutant.parts) is pairs]


def _entries(fates: Iterable[MutantFate]) -> tuple[ReportEntry, ...]:
    return tuple(
        ReportEntry(
            cells=(fate.mutant.description,),
            place=fate.mutant.place,
            why=(
                f"{fate.mutant.id}: {fate.result.reason or _tried(fate)}",
                *((f"A test that is missing: {fate.proposal.says}",) if fate.proposal else ()),
            ),
            code=_code(fate),
            excerpt=fate.proposal.script if fate.proposal else "",
        )
        for fate in fates
    )


def _code(fate: MutantFate) -> str:
    """What makes the mutant, and what shows it where that was found."""
    statements = ";\n".join(fate.mutant.statements) + ";"
    return f"{statements}\n\n{fate.proposal.script}" if fate.proposal else statements


def _tried(fate: MutantFate) -> str:
    ran = fate.result.ran
    return f"{counted(ran, 'test')} passed" if ran else "no test has anything to do with it"


def _refusals(campaign: MutationCampaign) -> Iterator[str]:
    reasons = Counter(_kind(fate.result.reason) for fate in campaign.invalid)
    return (f"{count:>4}  {reason}" for reason, count in reasons.most_common())


def _kind(reason: str) -> str:
    """A message of the server's without the names in it."""
    parts = reason.split('"')
    return '"…"'.join(parts[::2]) if len(parts) % 2 else reason


def _summary(campaign: MutationCampaign) -> Iterator[str]:
    late = len(campaign.of(MutantStatus.TIMEOUT))
    killed = f"{len(campaign.killed)} killed" + (f" ({late} by a test that did not end)" if late else "")
    counts = [killed, f"{len(campaign.survived)} survived", f"{len(campaign.equivalent)} equivalent"]
    counts += [f"{len(campaign.unjudged)} not judged"] if campaign.unjudged else []
    yield f"{campaign.valid} valid mutants: {', '.join(counts)}; {len(campaign.invalid)} invalid"
    if pairs := Counter(fate.result.status for fate in campaign.pairs):
        noticed, missed = (
            pairs[MutantStatus.KILLED] + pairs[MutantStatus.TIMEOUT],
            pairs[MutantStatus.SURVIVED],
        )
        yield f"{pairs.total()} of them of two changes: {noticed} killed, {missed} survived"
    if campaign.blind:
        yield f"left out: {len(campaign.blind)} tests that send nothing to a database or are skipped"
    if campaign.untouched:
        yield f"not run without a mutant: {counted(campaign.untouched, 'test')} that the change cannot touch"
    resumed = f", {campaign.resumed} known from an earlier run" if campaign.resumed else ""
    took = f"{campaign.tests} tests in {campaign.seconds:.0f} s{resumed}"
    yield f"{campaign.score:.1%} killed by {took}: {campaign.exit_code.word}"


def _by_operator(fates: Iterable[MutantFate]) -> Iterator[tuple[str, list[MutantFate]]]:
    ordered = sorted(fates, key=lambda fate: fate.mutant.operator)
    return ((name, list(group)) for name, group in groupby(ordered, key=lambda fate: fate.mutant.operator))


def _operators(campaign: MutationCampaign) -> Iterator[tuple[object, ...]]:
    for name, group in _by_operator(campaign.fates):
        found = Counter(fate.result.status for fate in group)
        killed = found[MutantStatus.KILLED] + found[MutantStatus.TIMEOUT]
        yield name, killed, found[MutantStatus.SURVIVED], found[MutantStatus.INVALID]


def _document(campaign: MutationCampaign) -> dict[str, Any]:
    return {
        "verdict": campaign.exit_code.word,
        "valid": campaign.valid,
        "killed": len(campaign.killed),
        "survived": [_survivor(fate) for fate in campaign.survived],
        "second_order": [fate.mutant.id for fate in campaign.pairs],
        "equivalent": [{"mutant": f.mutant.id, "reason": f.result.reason} for f in campaign.equivalent],
        "invalid": len(campaign.invalid),
        "not_judged": [{"mutant": f.mutant.id, "reason": f.result.reason} for f in campaign.unjudged],
        "stale": campaign.stale,
        "score": round(campaign.score, 4),
        "mutants": [_fate(fate) for fate in campaign.fates],
        "left_out": campaign.blind,
        "seconds": round(campaign.seconds, 3),
    }


def _survivor(fate: MutantFate) -> dict[str, Any]:
    mutant, proposal = fate.mutant, fate.proposal
    return {
        "mutant": mutant.id,
        "operator": mutant.operator,
        "description": mutant.description,
        **place_fields(mutant.place),
        "statements": mutant.statements,
        **({"parts": mutant.parts} if mutant.parts else {}),
        **({"missing_test": {"says": proposal.says, "script": proposal.script}} if proposal else {}),
    }


def _fate(fate: MutantFate) -> dict[str, Any]:
    result = fate.result
    return {
        "mutant": result.id,
        "status": result.status,
        "by": result.by or None,
        "tests": result.ran,
        "seconds": round(result.seconds, 3),
    }


def _suites(campaign: MutationCampaign) -> list[Suite]:
    """A suite for each operator, a case for each valid mutant."""
    able = [fate for fate in campaign.fates if fate.result.status is not MutantStatus.INVALID]
    return [Suite(name=name, checks=tuple(map(_check, group))) for name, group in _by_operator(able)]


def _check(fate: MutantFate) -> Check:
    result = fate.result
    return Check(
        group=fate.mutant.operator,
        name=result.id,
        outcome=_OUTCOMES.get(result.status, "passed"),
        message=f"{fate.mutant.description} {result.reason}".strip(),
        place=fate.mutant.place,
        seconds=result.seconds,
    )


_SHOWN = 4  # tests named for an object


def map_guards(campaign: MutationCampaign) -> tuple[GuardedObject, ...]:
    """All objects that a valid mutant was made of, by kind and name."""
    fates: dict[ObjectKey, list[MutantFate]] = defaultdict(list)
    for fate in (*campaign.killed, *campaign.survived, *campaign.unjudged):
        if not fate.mutant.parts:
            fates[fate.mutant.target].append(fate)
    return tuple(_guard(target, fates[target]) for target in sorted(fates))


def _guard(target: ObjectKey, fates: list[MutantFate]) -> GuardedObject:
    killers = Counter(name_test(fate.result.by) for fate in fates if fate.result.is_killed)
    ranked = sorted(killers, key=lambda test: (-killers[test], test))
    return GuardedObject(target=target, killed=killers.total(), valid=len(fates), tests=tuple(ranked))


def name_test(node: str) -> str:
    """A test without its parameters; a pgTAP file as its path."""
    return node.partition("[")[0].removesuffix("::pgtap")


def render_guard_map(campaign: MutationCampaign) -> str:
    """A page of Markdown: for each object of the schema the tests that guard it, or that none does."""
    guards = map_guards(campaign)
    lines = ["# Guard map", "", *_introduction(guards)]
    for kind, group in groupby(guards, key=lambda guard: guard.target.kind):
        lines += ["", f"## {kind.capitalize()}", "", "| | killed | guarded by |", "|---|---:|---|"]
        lines += [_row(guard) for guard in group]
    return printable("\n".join(lines) + "\n")


def _introduction(guards: tuple[GuardedObject, ...]) -> list[str]:
    open_ = sum(not guard.is_guarded for guard in guards)
    return [
        "Made by `make guard-map`: what of the schema is guarded, and by which tests. Each mutant of an",
        "object is booked to the test that noticed it first; others may notice it, too.",
        "",
        f"{len(guards) - open_} of {len(guards)} objects are guarded against every mutant.",
    ]


def _row(guard: GuardedObject) -> str:
    target = guard.target
    name = f"{target.object} · {target.name}" if target.name else target.object
    tests = [f"`{test.rpartition('/')[2]}`" for test in guard.tests[:_SHOWN]]
    more = [f"and {len(guard.tests) - _SHOWN} more"] if len(guard.tests) > _SHOWN else []
    by = [*([] if guard.is_guarded else ["**unguarded**"]), *tests, *more]
    return f"| {escape(name)} | {guard.killed} of {guard.valid} | {', '.join(by)} |"
