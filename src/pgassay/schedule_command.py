"""The command `pgassay schedule`."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pgassay.config import Config
from pgassay.errors import ConfigError, ExitCode
from pgassay.output import write_report
from pgassay.report.schedule import (
    SCHEDULE_FORMATS,
    Campaign,
    render_schedule_text,
    render_trial_json,
    render_trial_text,
)
from pgassay.schedule import Scenario, explore_all, read_scenarios, replay
from pgassay.server import Server
from pgassay.workbench import Workbench


@dataclass(frozen=True, kw_only=True)
class ScheduleRequest:
    """What was asked for. No names: every scenario. `replay` is a schedule, such as "first,second,first"."""

    names: tuple[str, ...] = ()
    replay: str = ""
    inside: bool = False
    format: str = "text"
    output: Path | None = None


def show_schedules(
    config: Config, server: Server, request: ScheduleRequest, *, on_progress: Callable[[str], None]
) -> ExitCode:
    """Explore, or replay one schedule; report. Raises ConfigError for names that nothing has."""
    bench = Workbench(config, server)
    scenarios = _chosen(config, read_scenarios(config.schedules, bench.personas), request)
    if request.replay:
        return _replay(bench, scenarios, request)
    counter: Counter[str] = Counter()

    def show(scenario: Scenario) -> None:
        counter[scenario.name] += 1
        on_progress(f"{scenario.name}: {counter[scenario.name]} schedules, {counter.total()} in all")

    started = time.monotonic()
    explorations = explore_all(bench, scenarios, jobs=os.cpu_count() or 1, on_schedule=show)
    campaign = Campaign(schema=config.schema, explorations=explorations, seconds=time.monotonic() - started)
    _report(request, SCHEDULE_FORMATS[request.format](campaign), render_schedule_text(campaign))
    return ExitCode.GOOD if campaign.holds else ExitCode.SCHEMA_PROBLEM


def _chosen(config: Config, scenarios: Sequence[Scenario], request: ScheduleRequest) -> tuple[Scenario, ...]:
    """The scenarios that were named: `queue-twice` is also `queue-twice@serializable` and its other levels."""
    if not scenarios:
        raise ConfigError(
            "There is no scenario to explore.",
            why=f"{config.root / 'pyproject.toml'} names none in [tool.pgassay].",
            fixes=(
                'add schedules = ["tests/races"] to [tool.pgassay]; docs/schedules.md says what goes there',
            ),
        )
    for name in request.names:
        if not any(_is_named(scenario, name) for scenario in scenarios):
            raise ConfigError(
                f"There is no scenario {name!r}.",
                fixes=(f"name one of {', '.join(scenario.name for scenario in scenarios)}",),
            )
    chosen = [s for s in scenarios if not request.names or any(_is_named(s, name) for name in request.names)]
    return tuple(replace(s, inside=True) for s in chosen) if request.inside else tuple(chosen)


def _is_named(scenario: Scenario, name: str) -> bool:
    return name in (scenario.name, scenario.name.partition("@")[0])


def _replay(bench: Workbench, scenarios: Sequence[Scenario], request: ScheduleRequest) -> ExitCode:
    if len(scenarios) != 1:
        raise ConfigError(
            "A schedule is replayed in one scenario.",
            why=f"Named were {len(scenarios)}: {', '.join(scenario.name for scenario in scenarios)}",
            fixes=("name one of them, with its isolation level where it has several",),
        )
    trial = replay(bench, scenarios[0], parse_schedule(request.replay))
    text = render_trial_text(trial)
    if request.format not in ("text", "json"):
        raise ConfigError(f"A replay can not be shown as {request.format}.", fixes=("choose text or json",))
    _report(request, render_trial_json(trial) if request.format == "json" else text, text)
    return ExitCode.SCHEMA_PROBLEM if trial.is_broken else ExitCode.GOOD


def parse_schedule(text: str) -> tuple[str, ...]:
    """`first,second*2` as the sessions in their order. Raises ConfigError."""
    schedule: list[str] = []
    for entry in text.split(","):
        name, star, count = entry.strip().partition("*")
        if not name or (star and not (count.isdecimal() and 0 < int(count) < 10_000)):
            raise ConfigError(
                f"{text!r} is no schedule: it has the entry {entry!r}.",
                fixes=("separate the names of sessions by commas, such as first,second,first*2",),
            )
        schedule += [name] * int(count or 1)
    return tuple(schedule)


def _report(request: ScheduleRequest, report: str, text: str) -> None:
    print(text if request.output else report, end="", flush=True)
    if request.output:
        write_report(request.output, report)
