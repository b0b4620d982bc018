"""The command `pgassay diff --migration`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from pgassay.commands import Extension, choose_output, show_progress
from pgassay.database import read_script
from pgassay.diff.command import prepare_sides, reviewed, write_witnesses
from pgassay.errors import ConfigError
from pgassay.migration.rehearsal import Upgrade, rehearse
from pgassay.migration.report import report_upgrade
from pgassay.render.output import Output
from pgassay.render.report import publish_report

FORMATS = ("text", "json", "markdown")


def check_formats(output: Output) -> None:
    """Raises ConfigError for a format that has no place for a migration."""
    asked = {output.shown, *(name for name, _ in output.files)}
    if unknown := asked - set(FORMATS):
        raise ConfigError(
            f"There is no {' or '.join(sorted(unknown))} report of a migration.",
            fixes=(f"choose of: {', '.join(FORMATS)}",),
        )


def _add(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--migration", type=Path, metavar="FILE", action="append", default=[],
        help="the change of a live BASE that should make it HEAD: rehearse it, say what it locks and loses; "
        "may be repeated",
    )  # fmt: skip


def _run(options: Namespace) -> int:
    """Review the difference, rehearse the migration unless HEAD does not load, report both."""
    config, output = prepare_sides(options), choose_output(options)
    check_formats(output)
    scripts = [read_script(path) for path in options.migration]
    with show_progress() as show, reviewed(config, options, whole=True, on_stage=show) as opened:
        server, base, found = opened
        upgrade = Upgrade(review=found)
        if not found.fault:
            upgrade = rehearse(server, base, found, scripts, on_stage=show)
    publish_report(report_upgrade(upgrade), output)
    write_witnesses(options.witness, found)
    return upgrade.exit_code


COMMAND = Extension(of="diff", add=_add, applies=lambda options: bool(options.migration), run=_run)
