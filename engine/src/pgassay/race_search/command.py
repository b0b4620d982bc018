"""The command `pgassay races` where nobody wrote a scenario, and `pgassay races --search`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import replace

from pgassay.audit.model import Audit, Finding
from pgassay.audit.report import report_audit
from pgassay.audit.rules import races
from pgassay.audit.rules.races.concurrency import Budget
from pgassay.audit.run import audit
from pgassay.audit.scene import Scene
from pgassay.commands import Extension, add_effort, choose_output, configure, prepare, show_progress
from pgassay.config import Config
from pgassay.render.report import publish_report
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench
from pgassay.world import Show

_PAIRS, _STEPS, _OF_PAIR = 200, 40_000, 4_000


def search(config: Config, server: Server, *, show: Show = str) -> Audit:
    """All races that are found with the work that `config.effort` allows."""
    budget = Budget(
        pairs=_PAIRS * config.effort,
        of_each=3,
        steps=_STEPS * config.effort,
        of_pair=_OF_PAIR * config.effort,
        interruptions=(1, 2),
        apart=None,
    )

    def find(scene: Scene) -> Iterator[Finding]:
        return races.find(scene, budget=budget, stale=True, show=show)

    found = audit(Workbench(replace(config, fill_world=True), server), rules=(find,), show=show)
    ours = tuple(text for text in found.expired if text.startswith(f"{races.RULE}:"))
    return replace(found, expired=ours)


def _add(parser: ArgumentParser) -> None:
    add_effort(parser)
    parser.add_argument(
        "--search", action="store_true",
        help="look for races without scenarios: what is done where there are none",
    )  # fmt: skip


def _applies(options: Namespace) -> bool:
    if options.search:
        return True
    return not options.scenario and not options.replay and not configure(options).schedules


def _run(options: Namespace) -> int:
    config = prepare(options)
    with show_progress() as show, open_server(config.server) as server:
        found = search(config, server, show=show)
    report = replace(report_audit(found), command="races", title="races")
    return publish_report(report, choose_output(options))


COMMAND = Extension(of="races", add=_add, applies=_applies, run=_run)
