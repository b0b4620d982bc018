"""What a run over mutants found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

from pgassay.errors import printable
from pgassay.mutation.model import Mutant, Status
from pgassay.mutation.outcome import Campaign, Fate
from pgassay.mutation.page import render_mutation_html
from pgassay.render.json import dump, place_fields
from pgassay.render.junit import Check, Outcome, Suite, render_suites
from pgassay.render.markdown import escape, table
from pgassay.render.place import spell
from pgassay.render.text import wrap

_OUTCOMES: Mapping[Status, Outcome] = {
    Status.SURVIVED: "failure",
    Status.UNJUDGED: "error",
    Status.EQUIVALENT: "skipped",
}


def render_mutation_text(campaign: Campaign) -> str:
    """The survivors with their places; what could not be judged, and why; then the numbers."""
    lines: list[str] = []
    for title, entries in _sections(campaign):
        lines += [title, *(line for entry in entries for line in entry), ""]
    return printable("\n".join([*lines, *_summary(campaign)]) + "\n")


def _sections(campaign: Campaign) -> Iterator[tuple[str, list[list[str]]]]:
    """Headings, and the entries below them as lines; only those that have any."""
    sections = {
        "survived": [_tell(fate, _tried(fate)) for fate in campaign.survived],
        "not judged": [_tell(fate, fate.result.reason) for fate in campaign.unjudged],
        "equivalent": [_tell(fate, fate.result.reason) for fate in campaign.equivalent],
        "stale: no mutant is called so any more": [[f"  {name}"] for name in campaign.stale],
        "invalid, by what the server says": [[line] for line in _refusals(campaign)],
    }
    yield from ((title, entries) for title, entries in sections.items() if entries)


def _place(mutant: Mutant) -> str:
    return f"{spell(mutant.place)}  " if mutant.place else ""


def _tell(fate: Fate, remark: str) -> list[str]:
    place = _place(fate.mutant)
    return [
        wrap(f"  {place}{fate.mutant.description}", indent=4),
        wrap(f"    {fate.mutant.id}: {remark}", indent=4),
    ]


def _tried(fate: Fate) -> str:
    ran = fate.result.ran
    return f"{ran} {'test' if ran == 1 else 'tests'} passed" if ran else "no test has anything to do with it"


def _refusals(campaign: Campaign) -> Iterator[str]:
    reasons = Counter(_kind(fate.result.reason) for fate in campaign.invalid)
    return (f"  {count:>4}  {reason}" for reason, count in reasons.most_common())


def _kind(reason: str) -> str:
    """A message of the server's without the names in it."""
    parts = reason.split('"')
    return '"…"'.join(parts[::2]) if len(parts) % 2 else reason


def _summary(campaign: Campaign) -> Iterator[str]:
    late = len(campaign.of(Status.TIMEOUT))
    killed = f"{len(campaign.killed)} killed" + (f" ({late} by a test that did not end)" if late else "")
    counts = [killed, f"{len(campaign.survived)} survived", f"{len(campaign.equivalent)} equivalent"]
    counts += [f"{len(campaign.unjudged)} not judged"] if campaign.unjudged else []
    yield wrap(f"{campaign.valid} valid mutants: {', '.join(counts)}; {len(campaign.invalid)} invalid")
    if campaign.blind:
        yield wrap(f"left out: {len(campaign.blind)} tests that send nothing to a database or are skipped")
    resumed = f", {campaign.resumed} known from an earlier run" if campaign.resumed else ""
    word = campaign.exit_code.word
    yield wrap(
        f"{campaign.score:.1%} killed by {campaign.tests} tests in {campaign.seconds:.0f} s{resumed}: {word}"
    )


def render_mutation_markdown(campaign: Campaign) -> str:
    """The numbers, the survivors, and a folded table of operators."""
    lines = [f"## pgassay: mutants, {campaign.exit_code.word}", "", *_summary(campaign)]
    for title, fates in (("Survived", campaign.survived), ("Not judged", campaign.unjudged)):
        entries = [f"- {escape(_place(f.mutant) + f.mutant.description)} `{f.mutant.id}`" for f in fates]
        lines += ["", f"### {title}", "", *entries] if entries else []
    lines += ["", "<details><summary>by operator</summary>", ""]
    head = ("", "killed", "survived", "invalid")
    lines += [*table(head, _operators(campaign), numbers=(1, 2, 3)), "", "</details>"]
    return printable("\n".join(lines) + "\n")


def _operators(campaign: Campaign) -> Iterator[tuple[object, ...]]:
    for name, group in groupby(sorted(campaign.fates, key=_operator), key=_operator):
        found = Counter(fate.result.status for fate in group)
        killed = found[Status.KILLED] + found[Status.TIMEOUT]
        yield name, killed, found[Status.SURVIVED], found[Status.INVALID]


def _operator(fate: Fate) -> str:
    return fate.mutant.operator


def render_mutation_json(campaign: Campaign) -> str:
    """The document that docs/json.md describes."""
    return dump(
        verdict=campaign.exit_code.word,
        valid=campaign.valid,
        killed=len(campaign.killed),
        survived=[_mutant(fate.mutant) for fate in campaign.survived],
        equivalent=[{"mutant": f.mutant.id, "reason": f.result.reason} for f in campaign.equivalent],
        invalid=len(campaign.invalid),
        not_judged=[{"mutant": f.mutant.id, "reason": f.result.reason} for f in campaign.unjudged],
        stale=campaign.stale,
        score=round(campaign.score, 4),
        mutants=map(_fate, campaign.fates),
        left_out=campaign.blind,
        seconds=round(campaign.seconds, 3),
    )


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


def render_mutation_junit(campaign: Campaign) -> str:
    """One testsuites element: a suite for each operator, a case for each valid mutant."""
    able = [fate for fate in campaign.fates if fate.result.status is not Status.INVALID]
    suites = [
        Suite(name=name, checks=tuple(map(_check, group)))
        for name, group in groupby(sorted(able, key=_operator), key=_operator)
    ]
    return render_suites("pgassay mutate", suites, seconds=campaign.seconds)


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


MUTATION_FORMATS: Mapping[str, Callable[[Campaign], str]] = {
    "text": render_mutation_text,
    "json": render_mutation_json,
    "markdown": render_mutation_markdown,
    "junit": render_mutation_junit,
    "html": render_mutation_html,
}
