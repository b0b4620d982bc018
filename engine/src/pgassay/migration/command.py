"""The command `pgassay diff --migration`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pgassay.commands import Extension, prepare, show_progress
from pgassay.config import Config
from pgassay.database import read_script
from pgassay.diff.command import DiffRequest, read_request, reviewed, write_witnesses
from pgassay.errors import ConfigError, ExitCode
from pgassay.migration.rehearsal import Upgrade, rehearse
from pgassay.migration.report import UPGRADE_FORMATS
from pgassay.render.output import publish


@dataclass(frozen=True, kw_only=True)
class UpgradeRequest:
    """`migration`: the files that are to make HEAD of a live BASE, in order.

    Raises ConfigError for a format that has no place for one.
    """

    difference: DiffRequest
    migration: tuple[Path, ...]

    def __post_init__(self) -> None:
        output = self.difference.output
        asked = {output.shown, *(name for name, _ in output.files)}
        if unknown := asked - set(UPGRADE_FORMATS):
            raise ConfigError(
                f"There is no {' or '.join(sorted(unknown))} report of a migration.",
                fixes=(f"choose of: {', '.join(UPGRADE_FORMATS)}",),
            )


def show_upgrade(
    config: Config, request: UpgradeRequest, *, on_stage: Callable[[str], None] = lambda _: None
) -> ExitCode:
    """Review the difference, rehearse the migration unless HEAD does not load, report both."""
    scripts = [read_script(path) for path in request.migration]
    with reviewed(config, request.difference, on_stage=on_stage) as (server, base, found):
        upgrade = Upgrade(review=found)
        if not found.fault:
            upgrade = rehearse(server, base, found, scripts, on_stage=on_stage)
    publish(upgrade, UPGRADE_FORMATS, request.difference.output)
    write_witnesses(request.difference, found)
    return upgrade.exit_code


def _add(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--migration", type=Path, metavar="FILE", action="append", default=[],
        help="the change of a live BASE that should make it HEAD: rehearse it, say what it locks and loses; "
        "may be repeated",
    )  # fmt: skip


def _run(options: Namespace) -> int:
    config = prepare(options)
    with show_progress() as show:
        request = UpgradeRequest(difference=read_request(options), migration=tuple(options.migration))
        return show_upgrade(config, request, on_stage=show)


COMMAND = Extension(of="diff", add=_add, applies=lambda options: bool(options.migration), run=_run)
