"""The command `pgassay explain`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace

from pgassay.commands import Command, add_effort, add_reporting, choose_output, prepare, show_progress
from pgassay.explain.answer import answer, check_statement
from pgassay.explain.report import report_answer
from pgassay.render.report import publish_report
from pgassay.server import open_server
from pgassay.workbench import Workbench


def _add(parser: ArgumentParser) -> None:
    parser.add_argument("statement", metavar="STATEMENT", help="one statement of SQL, in quotes")
    parser.add_argument("--as", required=True, dest="persona", metavar="PERSONA", help="who sends it")
    add_reporting(parser, formats=("text", "json", "markdown", "html"), folder=False)
    add_effort(parser)


def _run(options: Namespace) -> int:
    check_statement(options.statement)
    config = replace(prepare(options), fill_world=True)
    with show_progress() as show, open_server(config.server) as server:
        found = answer(Workbench(config, server), options.statement, options.persona, show=show)
    return publish_report(report_answer(found), choose_output(options))


COMMAND = Command(
    name="explain", help="why one statement of a persona is refused or allowed", add=_add, run=_run
)
