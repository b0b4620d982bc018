"""The command `pgassay audit`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from pgassay.audit.report import report_audit
from pgassay.audit.run import audit
from pgassay.commands import Command, add_effort, add_reporting, choose_output, prepare, show_progress
from pgassay.render.report import FORMATS, publish_report
from pgassay.server import open_server
from pgassay.workbench import Workbench


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS)
    add_effort(parser)


def _run(options: Namespace) -> int:
    folder: Path | None = options.folder
    if folder and folder.is_file():
        options.schema, options.folder = [folder], None
    config = replace(prepare(options), fill_world=True)
    with show_progress() as show, open_server(config.server) as server:
        show("audit")
        found = audit(Workbench(config, server), show=show)
    return publish_report(report_audit(found), choose_output(options))


COMMAND = Command(
    name="audit", help="what is wrong with this schema: findings with a witness each", add=_add, run=_run
)
