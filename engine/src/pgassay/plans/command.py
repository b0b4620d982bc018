"""The command `pgassay plans`."""

from __future__ import annotations

import platform
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pgassay.commands import Command, add_reporting, choose_output, prepare, show_progress
from pgassay.config import Config
from pgassay.database import ensure_template
from pgassay.database.recipe import read_layers
from pgassay.errors import ConfigError, ExitCode, ServerError
from pgassay.plans.assessment import HUNDREDTH, assess_plans
from pgassay.plans.load import Announce, plan_loading
from pgassay.plans.report import FORMATS, report_plans
from pgassay.render.output import TEXT_ALONE, Output
from pgassay.render.report import publish_report
from pgassay.server import OwnServer, Server, open_own_server, open_server
from pgassay.server.attach import is_connection
from pgassay.server.cache import DataCache
from pgassay.workbench import Workbench


def kept_loads(config: Config) -> Path:
    """The folder in which the last load is kept."""
    return config.root / "build" / "plans"


def ensure_kept(bench: Workbench, own: OwnServer, *, scale: float, on_progress: Announce) -> str:
    """Give the server what an earlier run loaded of the same files; else load it, and keep it.

    Says in a sentence what now takes up the disk, or why nothing does; empty where all was there.
    Raises what `loaded` raises, ServerError when the server does not come back with what was kept.
    """
    recipe = plan_loading(bench, scale=scale, on_progress=on_progress)
    key = f"{read_layers(bench.server, recipe)[-1].key[:16]}-{sys.platform}-{platform.machine()}"
    cache = DataCache(folder=kept_loads(bench.config), key=key)
    on_progress("taking the load that was kept")
    if cache.kept.is_dir() and _take(cache, own):
        return ""
    ensure_template(bench.server, recipe)
    on_progress("keeping the load")
    with own.at_rest() as data:
        try:
            size = cache.put(data)
        except OSError as error:
            return f"The load is not kept for later runs: {error}"
    place = cache.kept.relative_to(bench.config.root)
    return f"The load is kept for later runs in {place}: {size / 1e9:.1f} GB."


def _take(cache: DataCache, own: OwnServer) -> bool:
    """Whether the server now has what was kept. It has not where that is not whole, or cannot be read."""
    try:
        with own.at_rest() as data, suppress(OSError):
            return cache.take(data)
    except ServerError as error:
        fix = f"remove {cache.kept}: what was kept of an earlier run may be at fault"
        raise ServerError(error.what, why=error.why, fixes=(fix, *error.fixes)) from error
    return False


_SIZES = {"hundredth": HUNDREDTH, "full": 1.0}


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
