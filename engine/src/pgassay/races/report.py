"""Explored scenarios for people and for programs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgassay.errors import Place, printable
from pgassay.races.exploration import Exploration
from pgassay.races.record import Trial
from pgassay.races.steps import describe_outcome, describe_violations, spell_schedule, summarize_trial
from pgassay.render.json import dump
from pgassay.render.junit import Check, Suite, render_suites
from pgassay.render.markdown import fold, table
from pgassay.render.place import relative
from pgassay.render.text import wrap

_HEADINGS = ("run", "pruned", "waited", "40P01", "40001")


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """All scenarios that were explored in one go; `seconds` is wall-clock time."""

    schema: tuple[Path, ...]
    explorations: tuple[Exploration, ...]
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return all(exploration.holds for exploration in self.explorations)


def render_schedule_text(campaign: Campaign) -> str:
    """A line for each scenario; the simplest schedule that breaks one, and how to replay it."""
    width = max((len(one.scenario.name) for one in campaign.explorations), default=0)
    lines = [", ".join(str(relative(path)) for path in campaign.schema), ""]
    lines.append(_line(width, "scenario", "", _HEADINGS))
    lines += [_line(width, one.scenario.name, _word(one), _counts(one)) for one in campaign.explorations]
    for one in campaign.explorations:
        lines += ["", *_finding(one)] if not one.holds else []
    return printable("\n".join([*lines, "", *_summary(campaign)]) + "\n")


def render_schedule_markdown(campaign: Campaign) -> str:
    """The same, as a table and folded findings."""
    lines = [
        "## pgassay: schedules",
        "",
        *_summary(campaign),
        "",
    ]
    rows = ((one.scenario.name, _word(one), *_counts(one)) for one in campaign.explorations)
    lines += table(("scenario", "", *_HEADINGS), rows, numbers=range(2, 7))
    for one in campaign.explorations:
        if not one.holds:
            first, *rest = _finding(one)
            lines += ["", *fold(first, "\n".join(rest))]
    return printable("\n".join(lines) + "\n")


def render_schedule_json(campaign: Campaign) -> str:
    """The document that docs/json.md describes."""
    return dump(
        verdict="good" if campaign.holds else "problem",
        scenarios=map(_exploration, campaign.explorations),
        seconds=round(campaign.seconds, 3),
    )


def render_schedule_junit(campaign: Campaign) -> str:
    """One test case a scenario."""
    checks = tuple(_check(one) for one in campaign.explorations)
    suite = Suite(name="schedules", checks=checks, seconds=campaign.seconds)
    return render_suites("pgassay races", [suite], seconds=campaign.seconds)


SCHEDULE_FORMATS: Mapping[str, Callable[[Campaign], str]] = {
    "text": render_schedule_text,
    "json": render_schedule_json,
    "markdown": render_schedule_markdown,
    "junit": render_schedule_junit,
}


def _line(width: int, name: str, word: str, counts: tuple[object, ...]) -> str:
    return f"{name:<{width}} {word:<6}" + "".join(f"{count!s:>7}" for count in counts)


def _word(one: Exploration) -> str:
    return "holds" if one.holds else "BROKEN"


def _counts(one: Exploration) -> tuple[object, ...]:
    return (one.census.schedules, one.census.pruned, one.waited, one.deadlocked, one.unserializable)


def _finding(one: Exploration) -> Iterator[str]:
    name = one.scenario.name
    if one.broken:
        yield from _simplest(one, one.broken[0])
    for expected in one.unseen:
        yield wrap(f"{name}: no schedule has the outcome {expected}")


def _simplest(one: Exploration, trial: Trial) -> Iterator[str]:
    name = one.scenario.name
    if not trial.moves:
        yield f"{name}: broken before any session takes a step"
        yield from describe_violations(trial)
        return
    yield f"{name}: broken by {len(one.broken)} of {one.census.schedules} schedules, the simplest of which"
    yield wrap(f"ends with {describe_outcome(trial)}")
    yield from describe_violations(trial)
    inside = " --inside" if one.scenario.inside else ""
    yield f"pgassay races {name}{inside} --replay {spell_schedule(trial.schedule)}"


def _summary(campaign: Campaign) -> Iterator[str]:
    census = [one.census for one in campaign.explorations]
    broken = sum(not one.holds for one in campaign.explorations)
    yield wrap(
        f"{len(census)} scenarios, {broken} broken. "
        f"{sum(c.schedules for c in census)} schedules run in {campaign.seconds:.1f} s; "
        f"{sum(c.pruned for c in census)} pruned, because their steps commute; "
        f"{sum(c.impossible for c in census)} impossible, because a session waits."
    )
    noted: dict[str, list[str]] = defaultdict(list)
    for one in campaign.explorations:
        for note in one.notes:
            noted[note].append(one.scenario.name)
    yield from (wrap(f"{note} ({', '.join(names)})") for note, names in noted.items())


def _check(one: Exploration) -> Check:
    finding = list(_finding(one))
    return Check(
        group="schedule",
        name=one.scenario.name,
        outcome="passed" if one.holds else "failure",
        message=finding[0] if finding else "",
        text="\n".join(finding[1:]),
        place=Place(file=one.scenario.file, line=0) if one.scenario.file else None,
        seconds=one.seconds,
    )


def _exploration(one: Exploration) -> dict[str, Any]:
    return {
        "name": one.scenario.name,
        "shows": one.scenario.shows,
        "file": one.scenario.file,
        "isolation": one.scenario.isolation,
        "inside": one.scenario.inside,
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
        "broken": [summarize_trial(trial) for trial in one.broken],
        "notes": one.notes,
        "seconds": round(one.seconds, 3),
    }
