"""Explored scenarios, and one replayed schedule, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from pgassay.errors import printable
from pgassay.report.place import relative
from pgassay.schedule.exploration import Exploration
from pgassay.schedule.model import show
from pgassay.schedule.trial import Event, Fate, Trial, Violation


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """All scenarios that were explored in one go."""

    schema: tuple[Path, ...]
    explorations: tuple[Exploration, ...]
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return all(exploration.holds for exploration in self.explorations)


def render_schedule_text(campaign: Campaign) -> str:
    """A line for each scenario, then the simplest schedule that breaks it and how to replay it."""
    return printable("\n".join([*_table(campaign), *_findings(campaign), "", *_totals(campaign)]) + "\n")


def render_schedule_markdown(campaign: Campaign) -> str:
    """The same, as a table and folded findings."""
    word = "good" if campaign.holds else "problem"
    lines = [f"## pgassay schedule: {word}", "", *_totals(campaign), ""]
    lines += ["| scenario | | schedules | pruned | waited | 40P01 | 40001 |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {' | '.join(map(str, _cells(one)))} |" for one in campaign.explorations]
    for one in campaign.explorations:
        if not one.holds:
            body = "\n".join(_finding(one))
            lines += [
                "",
                f"<details><summary>{one.scenario.name}</summary>",
                "",
                "````",
                body,
                "````",
                "</details>",
            ]
    return printable("\n".join(lines) + "\n")


def render_schedule_json(campaign: Campaign) -> str:
    """The document that docs/json.md describes."""
    document = {
        "version": 1,
        "scenarios": [_exploration(one) for one in campaign.explorations],
        "seconds": round(campaign.seconds, 3),
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def render_schedule_junit(campaign: Campaign) -> str:
    """One test case a scenario."""
    root = Element("testsuites", name="pgassay schedule")
    suite = SubElement(root, "testsuite", name="schedules", tests=str(len(campaign.explorations)))
    suite.set("failures", str(sum(not one.holds for one in campaign.explorations)))
    for one in campaign.explorations:
        case = SubElement(suite, "testcase", classname="schedule", name=printable(one.scenario.name))
        case.set("time", f"{one.seconds:.3f}")
        if not one.holds:
            first, *rest = _finding(one)
            SubElement(case, "failure", message=printable(first)).text = printable("\n".join(rest))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


SCHEDULE_FORMATS: Mapping[str, Callable[[Campaign], str]] = {
    "text": render_schedule_text,
    "json": render_schedule_json,
    "markdown": render_schedule_markdown,
    "junit": render_schedule_junit,
}


def render_trial_text(trial: Trial) -> str:
    """A schedule step by step: what each session did, what it got, for whom it waited."""
    width = max(len(session.name) for session in trial.scenario.sessions)
    lines = [f"{trial.scenario.name}: {trial.scenario.shows}", ""]
    for number, move in enumerate(trial.moves, start=1):
        own, *others = move.events
        lines.append(f"{number:>3}  {own.session:<{width}}  {own.step}")
        lines += [f"     {'':<{width}}  {line}" for line in _tell(own)]
        for event in others:
            told = _tell(event)
            lines += [f"     {event.session:<{width}}  goes on: {told[0]}"]
            lines += [f"     {'':<{width}}  {line}" for line in told[1:]]
    lines += ["", f"outcome: {trial.outcome}" + ("" if trial.is_expected else " (unexpected)")]
    lines += [line for violation in trial.violations for line in _violation(violation)]
    return printable("\n".join([*lines, "", "broken" if trial.is_broken else "holds"]) + "\n")


def render_trial_json(trial: Trial) -> str:
    """The document that docs/json.md describes."""
    moves = [
        {"session": move.session, "events": [_event(event) for event in move.events]} for move in trial.moves
    ]
    document = {"version": 1, "scenario": trial.scenario.name, **_trial(trial), "moves": moves}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def spell(schedule: Sequence[str]) -> str:
    """A schedule as `--replay` takes it: a,a,b is a*2,b."""
    runs = [(name, len(list(group))) for name, group in groupby(schedule)]
    return ",".join(name if count == 1 else f"{name}*{count}" for name, count in runs)


def _table(campaign: Campaign) -> Iterator[str]:
    yield f"{', '.join(str(relative(path)) for path in campaign.schema)}"
    yield ""
    rows = [_cells(one) for one in campaign.explorations]
    width = max(len("scenario"), *(len(str(row[0])) for row in rows))
    yield f"  {'scenario':<{width}}  {'':<6}  {'run':>5}  {'pruned':>6}  {'waits':>5}  {'40P01':>5}  {'40001':>5}"
    for name, verdict, *numbers in rows:
        run, pruned, *others = numbers
        cells = f"{run:>5}  {pruned:>6}  " + "  ".join(f"{number:>5}" for number in others)
        yield f"  {name:<{width}}  {verdict:<6}  {cells}"


def _cells(one: Exploration) -> tuple[str | int, ...]:
    verdict = "holds" if one.holds else "BROKEN"
    counts = (one.census.schedules, one.census.pruned, one.waited, one.deadlocked, one.unserializable)
    return (one.scenario.name, verdict, *counts)


def _findings(campaign: Campaign) -> Iterator[str]:
    for one in campaign.explorations:
        if not one.holds:
            yield ""
            yield from _finding(one)


def _finding(one: Exploration) -> Iterator[str]:
    name = one.scenario.name
    if one.broken:
        simplest = one.broken[0]
        if simplest.moves:
            yield f"{name}: {len(one.broken)} of {one.census.schedules} schedules break it. The simplest:"
            yield f"  {simplest.outcome}" + ("" if simplest.is_expected else " (unexpected)")
        else:
            yield f"{name}: broken before any session takes a step:"
        yield from (f"  {line}" for violation in simplest.violations for line in _violation(violation))
        if simplest.moves:
            inside = " --inside" if one.scenario.inside else ""
            yield f"  pgassay schedule {name}{inside} --replay {spell(simplest.schedule)}"
    for expected in one.unseen:
        yield f"{name}: no schedule has the outcome {expected}"


def _violation(violation: Violation) -> Iterator[str]:
    yield f'violates "{violation.invariant}":'
    for row in violation.rows:
        yield "  " + ", ".join(f"{name} {show(value)}" for name, value in row.items())


def _totals(campaign: Campaign) -> Iterator[str]:
    census = [one.census for one in campaign.explorations]
    run, pruned = sum(c.schedules for c in census), sum(c.pruned for c in census)
    impossible = sum(c.impossible for c in census)
    broken = sum(not one.holds for one in campaign.explorations)
    yield f"{len(census)} scenarios, {broken} broken: {run} schedules run in {campaign.seconds:.1f} s,"
    yield f"{pruned} pruned (their steps commute), {impossible} impossible (a session waits)."
    for note in sorted(
        {f"{one.scenario.name}: {note}" for one in campaign.explorations for note in one.notes}
    ):
        yield note


def _tell(event: Event) -> list[str]:
    reply = event.reply
    if event.fate is Fate.WAITS:
        return [f"waits for {' and '.join(event.waits_for)}"]
    if event.fate is Fate.PAUSED:
        return [f"stops before {reply.message}"]
    if event.fate is Fate.FAILED:
        return [f"fails with {reply.sqlstate}: {reply.message}"]
    rows = [" | ".join(map(show, row)) for row in reply.rows[:5]]
    if reply.columns:
        return [f"returns {reply.count} rows", *([" | ".join(reply.columns), *rows] if rows else [])]
    return [f"{reply.count} rows" if reply.count >= 0 else "done"]


def _exploration(one: Exploration) -> dict[str, Any]:
    return {
        "name": one.scenario.name,
        "shows": one.scenario.shows,
        "isolation": one.scenario.isolation.value,
        "holds": one.holds,
        "schedules": one.census.schedules,
        "pruned": one.census.pruned,
        "impossible": one.census.impossible,
        "waited": one.waited,
        "deadlocked": one.deadlocked,
        "unserializable": one.unserializable,
        "outcomes": [
            {"values": dict(outcome.values), "schedules": count} for outcome, count in one.outcomes.items()
        ],
        "unseen": [dict(expected.values) for expected in one.unseen],
        "broken": [_trial(trial) for trial in one.broken],
        "notes": list(one.notes),
        "seconds": round(one.seconds, 3),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "schedule": spell(trial.schedule),
        "outcome": dict(trial.outcome.values),
        "expected": trial.is_expected,
        "violations": [
            {"invariant": violation.invariant, "rows": [dict(row) for row in violation.rows]}
            for violation in trial.violations
        ],
    }


def _event(event: Event) -> dict[str, Any]:
    reply = event.reply
    return {
        "session": event.session,
        "step": event.step,
        "fate": event.fate.value,
        "waits_for": list(event.waits_for),
        "sqlstate": reply.sqlstate or None,
        "message": reply.message or None,
        "count": reply.count,
        "columns": list(reply.columns),
        "rows": [list(row) for row in reply.rows],
    }
