"""Explored scenarios as a report; one schedule, step by step, for people and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pgassay.errors import ExitCode, Place, printable
from pgassay.races.exploration import Exploration
from pgassay.races.model import Event, Move, StepFate, Trial, show
from pgassay.render.ci import Check, Suite
from pgassay.render.json import dump, record
from pgassay.render.report import Report, ReportEntry, ReportSection
from pgassay.render.text import counted, name_files, wrap

_ROWS = 5


def render_trial_text(trial: Trial) -> str:
    """What each session did, what it got, for whom it waited; then how it ended."""
    width = max(len(session.name) for session in trial.scenario.sessions)
    lines = [wrap(f"{trial.scenario.name}: {trial.scenario.shows}"), ""]
    begun: set[str] = set()
    for number, move in enumerate(trial.moves, start=1):
        lines += [line.rstrip() for line in _move(move, f"{number:>3}", width, begun)]
    lines += ["", wrap(f"outcome: {describe_outcome(trial)}"), *map(wrap, describe_violations(trial))]
    return printable("\n".join([*lines, "", "broken" if trial.is_broken else "holds"]) + "\n")


def render_trial_json(trial: Trial) -> str:
    """The document that docs/json.md describes."""
    moves = [
        {"session": move.session, "events": [_event(event) for event in move.events]} for move in trial.moves
    ]
    return dump(scenario=trial.scenario.name, **summarize_trial(trial), moves=moves)


TRIAL_FORMATS: Mapping[str, Callable[[Trial], str]] = {"text": render_trial_text, "json": render_trial_json}


def spell_schedule(schedule: Sequence[str]) -> str:
    """A schedule as `--replay` takes it: a, a, b is a*2,b."""
    runs = [(name, len(list(group))) for name, group in groupby(schedule)]
    return ",".join(name if count == 1 else f"{name}*{count}" for name, count in runs)


def describe_outcome(trial: Trial) -> str:
    """How the sessions ended and what was observed."""
    return f"{trial.outcome}{'' if trial.is_expected else ' (unexpected)'}"


def describe_violations(trial: Trial) -> Iterator[str]:
    """The invariants that do not hold, each with the rows that offend."""
    for violation in trial.violations:
        yield f'violates "{violation.invariant}"'
        for row in violation.rows:
            yield "  " + ", ".join(f"{name} {show(value)}" for name, value in row.items())


def summarize_trial(trial: Trial) -> dict[str, Any]:
    """A trial without its steps."""
    return {
        "schedule": spell_schedule(trial.schedule),
        "outcome": dict(trial.outcome.values),
        "expected": trial.is_expected,
        "violations": [
            {"invariant": violation.invariant, "rows": [dict(row) for row in violation.rows]}
            for violation in trial.violations
        ],
    }


def _move(move: Move, number: str, width: int, begun: set[str]) -> Iterator[str]:
    """A session that goes on from a sync point is in the middle of the step that it has begun."""
    own, *others = move.events
    goes_on = own.session in begun
    told = _tell(own)
    yield wrap(
        f"{number}  {own.session:<{width}}  {f'goes on: {told[0]}' if goes_on else own.step}",
        indent=width + 7,
    )
    yield from (f"     {'':<{width}}  {line}" for line in told[goes_on:])
    for event in others:
        first, *rest = _tell(event)
        yield f"     {event.session:<{width}}  goes on: {first}"
        yield from (f"     {'':<{width}}  {line}" for line in rest)
    for event in move.events:
        (begun.add if event.fate is StepFate.PAUSED else begun.discard)(event.session)


def _tell(event: Event) -> list[str]:
    """What became of a step, in one line or with some of its rows."""
    reply = event.reply
    match event.fate:
        case StepFate.WAITS:
            return [f"waits for {' and '.join(event.waits_for)}"]
        case StepFate.PAUSED:
            return [f"stops before {reply.message}"]
        case StepFate.FAILED:
            return [f"fails with {reply.sqlstate}: {reply.message}"]
    told = counted(reply.count, "row") if reply.count >= 0 else "done"
    rows = [
        ", ".join(f"{n} {show(v)}" for n, v in zip(reply.columns, row, strict=True)) for row in reply.rows
    ]
    return [told, *rows[:_ROWS]]


def _event(event: Event) -> dict[str, Any]:
    document = record(event)
    reply = record(document.pop("reply"))
    del reply["lost"]
    return document | reply | {name: reply[name] or None for name in ("sqlstate", "message")}


FORMATS = ("text", "json", "markdown", "html", "junit")

_HEADINGS = ("scenario", "", "run", "pruned", "waited", "40P01", "40001")


@dataclass(frozen=True, kw_only=True)
class ExploredScenarios:
    """All scenarios that were explored in one go; `seconds` is wall-clock time."""

    schema: tuple[Path, ...]
    explorations: tuple[Exploration, ...]
    seconds: float = 0.0

    @property
    def verdict(self) -> ExitCode:
        is_good = all(exploration.holds for exploration in self.explorations)
        return ExitCode.GOOD if is_good else ExitCode.SCHEMA_PROBLEM


def report_schedules(campaign: ExploredScenarios) -> Report:
    """A row for each scenario; the simplest schedule that breaks one, and how to replay it."""
    checks = tuple(map(_check, campaign.explorations))
    return Report(
        command="races",
        title="schedules",
        verdict=campaign.verdict,
        claim="A scenario is broken" if campaign.verdict else "Every scenario holds",
        about=name_files(campaign.schema),
        summary=tuple(_summary(campaign)),
        sections=(
            ReportSection(
                head=_HEADINGS, numbers=range(2, 7), entries=tuple(map(_row, campaign.explorations))
            ),
            ReportSection(entries=tuple(entry for e in campaign.explorations for entry in _findings(e))),
        ),
        document={
            "verdict": campaign.verdict.word,
            "scenarios": [_document(exploration) for exploration in campaign.explorations],
            "seconds": round(campaign.seconds, 3),
        },
        suites=(Suite(name="schedules", checks=checks, seconds=campaign.seconds),),
        seconds=campaign.seconds,
    )  # fmt: skip


def _row(exploration: Exploration) -> ReportEntry:
    counts = (exploration.census.schedules, exploration.census.pruned)
    seen = (exploration.waited, exploration.deadlocked, exploration.unserializable)
    word = "holds" if exploration.holds else "BROKEN"
    return ReportEntry(cells=(exploration.scenario.name, word, *counts, *seen), is_bad=not exploration.holds)


def _findings(exploration: Exploration) -> Iterator[ReportEntry]:
    name = exploration.scenario.name
    if exploration.broken:
        yield _simplest(exploration, exploration.broken[0])
    for expected in exploration.unseen:
        yield ReportEntry(cells=(f"{name}: no schedule has the outcome {expected}",))


def _simplest(exploration: Exploration, trial: Trial) -> ReportEntry:
    name, violations = exploration.scenario.name, tuple(describe_violations(trial))
    if not trial.moves:
        return ReportEntry(cells=(f"{name}: broken before any session takes a step",), why=violations)
    inside = " --inside" if exploration.scenario.inside else ""
    replay = f"pgassay races {name}{inside} --replay {spell_schedule(trial.schedule)}"
    count = f"{len(exploration.broken)} of {exploration.census.schedules} schedules"
    return ReportEntry(
        cells=(f"{name}: broken by {count}, the simplest of which",),
        why=(f"ends with {describe_outcome(trial)}", *violations),
        code=replay,
        excerpt=replay,
    )


def _summary(campaign: ExploredScenarios) -> Iterator[str]:
    census = [exploration.census for exploration in campaign.explorations]
    broken = sum(not exploration.holds for exploration in campaign.explorations)
    yield (
        f"{len(census)} scenarios, {broken} broken. "
        f"{sum(c.schedules for c in census)} schedules run in {campaign.seconds:.1f} s; "
        f"{sum(c.pruned for c in census)} pruned, because their steps commute; "
        f"{sum(c.impossible for c in census)} impossible, because a session waits."
    )
    noted: dict[str, list[str]] = defaultdict(list)
    for exploration in campaign.explorations:
        for note in exploration.notes:
            noted[note].append(exploration.scenario.name)
    yield from (f"{note} ({', '.join(names)})" for note, names in noted.items())


def _check(exploration: Exploration) -> Check:
    scenario = exploration.scenario
    findings = list(_findings(exploration))
    told = [line for entry in findings for line in (str(entry.cells[0]), *entry.why, entry.code) if line]
    return Check(
        group="schedule",
        name=scenario.name,
        outcome="failure" if findings else "passed",
        message=told[0] if told else "",
        text="\n".join(told[1:]),
        place=Place(file=scenario.file, line=0) if scenario.file else None,
        seconds=exploration.seconds,
    )


def _document(exploration: Exploration) -> dict[str, Any]:
    scenario, census = exploration.scenario, exploration.census
    return {
        "name": scenario.name,
        "shows": scenario.shows,
        "file": scenario.file,
        "isolation": scenario.isolation,
        "inside": scenario.inside,
        "holds": exploration.holds,
        "schedules": census.schedules,
        "pruned": census.pruned,
        "impossible": census.impossible,
        "waited": exploration.waited,
        "deadlocked": exploration.deadlocked,
        "unserializable": exploration.unserializable,
        "outcomes": [
            {"values": dict(outcome.values), "schedules": count}
            for outcome, count in exploration.outcomes.items()
        ],
        "unseen": [dict(expected.values) for expected in exploration.unseen],
        "broken": [summarize_trial(trial) for trial in exploration.broken],
        "notes": exploration.notes,
        "seconds": round(exploration.seconds, 3),
    }
