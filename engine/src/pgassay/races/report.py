"""Explored scenarios as a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgassay.errors import ExitCode, Place
from pgassay.races.exploration import Exploration
from pgassay.races.record import Trial
from pgassay.races.steps import describe_outcome, describe_violations, spell_schedule, summarize_trial
from pgassay.render.junit import Check, Suite
from pgassay.render.place import relative
from pgassay.render.report import Entry, Report, Section

FORMATS = ("text", "json", "markdown", "html", "junit")

_HEADINGS = ("scenario", "", "run", "pruned", "waited", "40P01", "40001")


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """All scenarios that were explored in one go; `seconds` is wall-clock time."""

    schema: tuple[Path, ...]
    explorations: tuple[Exploration, ...]
    seconds: float = 0.0

    @property
    def verdict(self) -> ExitCode:
        is_good = all(exploration.holds for exploration in self.explorations)
        return ExitCode.GOOD if is_good else ExitCode.SCHEMA_PROBLEM


def report_schedules(campaign: Campaign) -> Report:
    """A row for each scenario; the simplest schedule that breaks one, and how to replay it."""
    checks = tuple(map(_check, campaign.explorations))
    return Report(
        command="races",
        title="schedules",
        verdict=campaign.verdict,
        claim="A scenario is broken" if campaign.verdict else "Every scenario holds",
        about=", ".join(str(relative(path)) for path in campaign.schema),
        summary=tuple(_summary(campaign)),
        sections=(
            Section(
                head=_HEADINGS, numbers=range(2, 7), entries=tuple(map(_row, campaign.explorations))
            ),
            Section(entries=tuple(entry for e in campaign.explorations for entry in _findings(e))),
        ),
        document={
            "verdict": campaign.verdict.word,
            "scenarios": [_document(exploration) for exploration in campaign.explorations],
            "seconds": round(campaign.seconds, 3),
        },
        suites=(Suite(name="schedules", checks=checks, seconds=campaign.seconds),),
        seconds=campaign.seconds,
    )  # fmt: skip


def _row(exploration: Exploration) -> Entry:
    counts = (exploration.census.schedules, exploration.census.pruned)
    seen = (exploration.waited, exploration.deadlocked, exploration.unserializable)
    word = "holds" if exploration.holds else "BROKEN"
    return Entry(cells=(exploration.scenario.name, word, *counts, *seen), is_bad=not exploration.holds)


def _findings(exploration: Exploration) -> Iterator[Entry]:
    name = exploration.scenario.name
    if exploration.broken:
        yield _simplest(exploration, exploration.broken[0])
    for expected in exploration.unseen:
        yield Entry(cells=(f"{name}: no schedule has the outcome {expected}",))


def _simplest(exploration: Exploration, trial: Trial) -> Entry:
    name, violations = exploration.scenario.name, tuple(describe_violations(trial))
    if not trial.moves:
        return Entry(cells=(f"{name}: broken before any session takes a step",), why=violations)
    inside = " --inside" if exploration.scenario.inside else ""
    replay = f"pgassay races {name}{inside} --replay {spell_schedule(trial.schedule)}"
    count = f"{len(exploration.broken)} of {exploration.census.schedules} schedules"
    return Entry(
        cells=(f"{name}: broken by {count}, the simplest of which",),
        why=(f"ends with {describe_outcome(trial)}", *violations),
        code=replay,
        excerpt=replay,
    )


def _summary(campaign: Campaign) -> Iterator[str]:
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
