"""The command `pgassay races`."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pgassay.commands import Command, add_reporting, choose_output, prepare, show_progress
from pgassay.config import Config
from pgassay.errors import ConfigError, ExitCode
from pgassay.races.exploration import explore_all, replay
from pgassay.races.model import Scenario
from pgassay.races.report import FORMATS, TRIAL_FORMATS, ExploredScenarios, report_schedules
from pgassay.races.scenario_file import read_scenarios
from pgassay.render.output import TEXT_ALONE, Output, publish
from pgassay.render.report import publish_report
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench

_LONGEST = 10_000


@dataclass(frozen=True, kw_only=True)
class ScheduleRequest:
    """What was asked for. No names: every scenario. `replay` is a schedule, such as "first,second,first"."""

    names: tuple[str, ...] = ()
    replay: str = ""
    inside: bool = False
    output: Output = TEXT_ALONE


def show_schedules(
    config: Config, server: Server, request: ScheduleRequest, *, on_progress: Callable[[str], None]
) -> ExitCode:
    """Explore, or replay one schedule; report. Raises ConfigError for names that nothing has."""
    bench = Workbench(config, server)
    scenarios = _choose(config, read_scenarios(config.schedules, bench.personas), request)
    if request.replay:
        return _replay(bench, scenarios, request)
    started = time.monotonic()
    counter: Counter[str] = Counter()

    def show(scenario: Scenario) -> None:
        counter[scenario.name] += 1
        on_progress(f"{scenario.name}: {counter[scenario.name]} schedules, {counter.total()} in all")

    explorations = explore_all(bench, scenarios, jobs=os.cpu_count() or 1, on_schedule=show)
    campaign = ExploredScenarios(
        schema=config.schema, explorations=explorations, seconds=time.monotonic() - started
    )
    return publish_report(report_schedules(campaign), request.output)


def parse_schedule(text: str) -> tuple[str, ...]:
    """The sessions of `first,second*2` in their order. Raises ConfigError."""
    schedule: list[str] = []
    for entry in text.split(","):
        name, star, times = entry.strip().partition("*")
        count = int(times) if times.isdecimal() else 0 if star else 1
        if not name or not 0 < count < _LONGEST:
            raise ConfigError(
                f"{text!r} is no schedule: it has the entry {entry!r}.",
                fixes=("separate the names of sessions by commas, such as first,second*2,first",),
            )
        schedule += [name] * count
    return tuple(schedule)


def _choose(config: Config, scenarios: Sequence[Scenario], request: ScheduleRequest) -> tuple[Scenario, ...]:
    """The scenarios that were named: `queue-twice` is `queue-twice@serializable`, too."""
    if not scenarios:
        raise ConfigError(
            "There is no scenario to explore.",
            why=f"The configuration in {config.root} names none.",
            fixes=(
                "write some, as `pgassay help races` says",
                'name their folder: schedules = ["tests/races"] in pgassay.toml or [tool.pgassay]',
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
            f"A schedule is replayed in one scenario, and {len(scenarios)} were named.",
            why=f"They are: {', '.join(scenario.name for scenario in scenarios)}",
            fixes=("name one of them, with its isolation level where it has several",),
        )
    output = request.output
    if unknown := sorted({output.shown, *(name for name, _ in output.files)} - set(TRIAL_FORMATS)):
        raise ConfigError(
            f"A replay can not be shown as {', '.join(unknown)}.",
            fixes=(f"choose {' or '.join(TRIAL_FORMATS)}",),
        )
    trial = replay(bench, scenarios[0], parse_schedule(request.replay))
    publish(trial, TRIAL_FORMATS, output)
    return ExitCode.SCHEMA_PROBLEM if trial.is_broken else ExitCode.GOOD


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS, folder=False)
    parser.add_argument("scenario", metavar="SCENARIO", nargs="*", help="only these (default: all)")
    parser.add_argument("--replay", metavar="A,B,…", default="", help="run this one schedule, step by step")
    parser.add_argument(
        "--inside",
        action="store_true",
        help="let sessions also interrupt each other inside PL/pgSQL functions",
    )


def _run(options: Namespace) -> int:
    config = prepare(options)
    request = ScheduleRequest(
        names=tuple(options.scenario),
        replay=options.replay,
        inside=options.inside,
        output=choose_output(options),
    )
    with show_progress() as show, open_server(config.server) as server:
        return show_schedules(config, server, request, on_progress=show)


COMMAND = Command(
    name="races",
    aliases=("schedule",),  # its name before
    help="every order of the steps of concurrent sessions",
    add=_add,
    run=_run,
)
