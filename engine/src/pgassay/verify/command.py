"""The command `pgassay verify`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.commands import (
    Command,
    add_effort,
    add_jobs,
    add_reporting,
    choose_output,
    prepare,
    show_progress,
)
from pgassay.project.revisions import resolve_side
from pgassay.render.report import FORMATS, publish_report
from pgassay.server import open_server
from pgassay.verify import STAGES, verify
from pgassay.verify.report import report_verdict


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS)
    parser.add_argument(
        "--only", choices=STAGES, action="append", metavar="STAGE",
        help=f"run only this stage ({', '.join(STAGES)}); may be repeated. "
        "With load and lint alone the schema is judged alone, without companions and world",
    )  # fmt: skip
    parser.add_argument(
        "--skip", choices=STAGES, action="append", default=[], metavar="STAGE",
        help="leave out this stage; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--since", default="", metavar="BASE",
        help="leave out tests that what is not the same in BASE cannot touch: a path, REV:path or REV",
    )  # fmt: skip
    add_jobs(parser)
    add_effort(parser)


def _run(options: Namespace) -> int:
    config = prepare(options)
    with ExitStack() as stack:
        show = stack.enter_context(show_progress())
        server = stack.enter_context(open_server(config.server))
        since = None
        if options.since:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="pgassay-")))
            since = resolve_side(options.since, config, folder)
        only = tuple(stage for stage in options.only or STAGES if stage not in options.skip)
        verdict = verify(config, server, only=only, jobs=options.jobs, since=since, on_stage=show)
    return publish_report(report_verdict(verdict), choose_output(options))


COMMAND = Command(
    name="verify", help="the gate: load, lint, matrix, audit, plans, suites; one verdict", add=_add, run=_run
)
