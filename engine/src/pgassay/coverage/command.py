"""The command `pgassay coverage`."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pgassay.commands import Command, add_jobs, add_reporting, choose_output, prepare, show_progress
from pgassay.config import Config
from pgassay.coverage.inventory import CoverageInventory, take_inventory
from pgassay.coverage.report import (
    FORMATS,
    Exemption,
    Measurement,
    assess_coverage,
    read_exemptions,
    report_coverage,
)
from pgassay.database import read_script
from pgassay.pgtap.folder import PGTAP_SUFFIXES
from pgassay.plpgsql.definitions import find_definitions
from pgassay.render.report import publish_report
from pgassay.server import Server, open_server
from pgassay.suites.run import run_suites
from pgassay.verdict import Case, Stage
from pgassay.workbench import Workbench


def measure_coverage(
    config: Config,
    server: Server,
    exemptions: tuple[Exemption, ...] = (),
    *,
    jobs: int,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Measurement:
    """Run the suites with counters, and what fails then without them. Raises SchemaError, ServerError."""
    started = time.monotonic()
    on_progress("counting what there is")
    inventory = _take_inventory(config, server)
    on_progress("suites, with counters")
    suites, counted = _run_counted(config, server, jobs=jobs)
    on_progress("what failed, without counters")
    failed, disturbed = _run_again(config, server, suites)
    return Measurement(
        coverage=assess_coverage(inventory, counted.get("counts", {}), exemptions),
        suites=suites,
        failed=failed,
        disturbed=disturbed,
        unread=tuple(counted.get("unread", ())),
        seconds=time.monotonic() - started,
    )


def _take_inventory(config: Config, server: Server) -> CoverageInventory:
    scripts = [read_script(path) for path in (*config.schema, *config.companions)]
    with (
        Workbench(config, server).database(depth="schema") as database,
        closing(database.connect()) as connection,
    ):
        return take_inventory(connection, places=find_definitions(scripts))


def _run_counted(config: Config, server: Server, *, jobs: int) -> tuple[Stage, dict[str, Any]]:
    with TemporaryDirectory(prefix="pgassay-") as folder:
        path = Path(folder) / "counts.json"
        suites = run_suites(config, server, jobs=jobs, options=("--pgassay-coverage", str(path)))
        return suites, json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _run_again(config: Config, server: Server, suites: Stage) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """What failed with counters, by whether it fails without."""
    failed = [case for case in suites.cases if case.outcome == "failed"]
    if not failed:
        return (), ()
    again = run_suites(config, server, jobs=1, tests=tuple(dict.fromkeys(map(_test, failed))))
    passed = {_test(case) for case in again.cases}
    passed -= {_test(case) for case in again.cases if case.outcome == "failed"}
    really = tuple(case for case in failed if _test(case) not in passed)
    return really, tuple(case for case in failed if _test(case) in passed)


def _test(case: Case) -> str:
    """What pytest can run on its own: a whole pgTAP file, whose assertions may come in any order."""
    is_pgtap = case.place is not None and case.place.file.suffix in PGTAP_SUFFIXES
    return case.name.partition("::")[0] if is_pgtap else case.name


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS)
    add_jobs(parser)


def _run(options: Namespace) -> int:
    config = prepare(options)
    exemptions = read_exemptions(config.uncovered)
    with show_progress() as show, open_server(config.server) as server:
        found = measure_coverage(config, server, exemptions, jobs=options.jobs, on_progress=show)
    return publish_report(report_coverage(found), choose_output(options))


COMMAND = Command(
    name="coverage", help="what of functions and policies the suites never ran", add=_add, run=_run
)
