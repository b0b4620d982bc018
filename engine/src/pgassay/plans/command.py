"""The command `pgassay plans`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pgassay.commands import Command, add_reporting, choose_output, prepare, show_progress
from pgassay.config import Config
from pgassay.errors import ConfigError, ExitCode
from pgassay.plans.assessment import HUNDREDTH, assess_plans
from pgassay.plans.load_cache import ensure_kept
from pgassay.plans.report import FORMATS, report_plans
from pgassay.render.output import TEXT_ALONE, Output
from pgassay.render.report import publish_report
from pgassay.server import Server, open_own_server, open_server
from pgassay.server.attach import is_connection
from pgassay.workbench import Workbench

_SIZES = {"hundredth": HUNDREDTH, "full": 1.0}
Announce = Callable[[str], None]


@contextmanager
def open_loaded_server(config: Config, *, scale: float, on_progress: Announce) -> Iterator[Server]:
    """The configured server; with the load in it as an earlier run kept it, where that saves time.

    A server of somebody else keeps its templates itself. Raises ServerError, and what `assess_plans` raises.
    """
    if is_connection(config.server) or scale <= HUNDREDTH:
        with open_server(config.server) as server:
            yield server
        return
    with open_own_server(config.server) as own:
        kept = ensure_kept(Workbench(config, own.server), own, scale=scale, on_progress=on_progress)
        if kept:
            print(kept, file=sys.stderr)
        yield own.server


def show_plans(
    config: Config,
    server: Server,
    *,
    scale: float,
    output: Output = TEXT_ALONE,
    on_progress: Announce = lambda _: None,
) -> ExitCode:
    """Judge the contracts on a load of `scale` times the full size, and report."""
    assessment = assess_plans(Workbench(config, server), scale=scale, on_progress=on_progress)
    return publish_report(report_plans(assessment), output)


def parse_scale(text: str) -> float:
    """`hundredth`, `full`, or a positive number. Raises ConfigError."""
    try:
        scale = _SIZES.get(text) or float(text)
    except ValueError:
        scale = 0
    if not 0 < scale <= 100:
        raise ConfigError(
            f"{text!r} is no size for a load.", fixes=("say hundredth, full or a number such as 0.1",)
        )
    return scale


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS)
    parser.add_argument(
        "--scale", default="hundredth", metavar="SIZE",
        help="how much to load: hundredth, full, or a number such as 0.1 (default: %(default)s)",
    )  # fmt: skip


def _run(options: Namespace) -> int:
    config, scale = prepare(options), parse_scale(options.scale)
    with show_progress() as show, open_loaded_server(config, scale=scale, on_progress=show) as server:
        return show_plans(config, server, scale=scale, output=choose_output(options), on_progress=show)


COMMAND = Command(
    name="plans", help="plan contracts of the hot queries; which index is needed", add=_add, run=_run
)
