"""The command `pgassay audit`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from pgassay.audit.acceptance import FILE, accept, apply_acceptances, check_acceptable, read_acceptances
from pgassay.audit.confirmation import witness_script
from pgassay.audit.model import Audit
from pgassay.audit.report import fixes_text, report_audit
from pgassay.audit.run import audit
from pgassay.audit.sarif import render_sarif
from pgassay.commands import Command, add_effort, add_reporting, choose_output, prepare, show_progress
from pgassay.render.output import check_writable, publish, write_report
from pgassay.render.report import FORMATS
from pgassay.server import open_server
from pgassay.workbench import Workbench


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=(*FORMATS, "sarif"))
    add_effort(parser)
    parser.add_argument("--accept", metavar="ID", help=f"accept this finding: {FILE} then says why")
    parser.add_argument("--because", default="", metavar="TEXT", help="the reason, with --accept")
    parser.add_argument(
        "--witness", type=Path, metavar="DIR", help="write a psql script for each finding here"
    )
    parser.add_argument(
        "--fix", type=Path, metavar="PATH", help="write the repairs that were tried as SQL here"
    )


def _run(options: Namespace) -> int:
    folder: Path | None = options.folder
    if folder and folder.is_file():
        # By itself, or with what the project says that it lies in; the working directory's is another.
        options.schema, options.folder, options.project = [folder], None, options.project or folder
    for path in (options.fix, options.witness and options.witness / "01.sql"):
        if path:
            check_writable(path)
    config = replace(prepare(options), fill_world=True)
    if options.accept:
        check_acceptable(config.root / FILE, options.because)
    with show_progress() as show, open_server(config.server) as server:
        show("audit")
        found = audit(Workbench(config, server), show=show)
    if options.accept:
        accept(config.root / FILE, found, options.accept, options.because)
        found = apply_acceptances(found, read_acceptances(config.root / FILE))
    _write(options, found)
    formats = {**FORMATS, "sarif": lambda _: render_sarif(found, config.schema)}
    publish(report_audit(found), formats, choose_output(options))
    return found.exit_code


def _write(options: Namespace, found: Audit) -> None:
    """What was asked for besides the report."""
    if options.fix:
        write_report(options.fix, fixes_text(found))
    if options.witness:
        for number, finding in enumerate(found.open, start=1):
            if finding.steps:
                write_report(options.witness / f"{number:02d}.sql", witness_script(finding))


COMMAND = Command(
    name="audit", help="what is wrong with this schema: findings with a witness each", add=_add, run=_run
)
