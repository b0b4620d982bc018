"""The command `pgassay world`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path

from pgassay.catalog.names import relation_name
from pgassay.commands import Command, add_effort, add_reporting, choose_output, prepare, show_progress
from pgassay.errors import ConfigError
from pgassay.render.output import check_writable, write_report
from pgassay.render.report import FORMATS, publish_report
from pgassay.server import open_server
from pgassay.workbench import Workbench
from pgassay.world import fill
from pgassay.world.model import World
from pgassay.world.report import report_world, world_text


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS)
    add_effort(parser)
    parser.add_argument(
        "--write", type=Path, metavar="PATH", help="save the rows as SQL that loads by itself"
    )
    parser.add_argument(
        "--why", default="", metavar="TABLE", help="show each row of this table, and why it is there"
    )


def _run(options: Namespace) -> int:
    config = replace(prepare(options), fill_world=True)
    if options.write:
        check_writable(options.write)
    table = _named(options.why) if options.why else ""
    with show_progress() as show, open_server(config.server) as server:
        world = fill(Workbench(config, server), show)
    if table:
        _check_there(world, table)
    if options.write:
        write_report(options.write, world_text(world))
    return publish_report(report_world(world, table=table), choose_output(options))


def _named(text: str) -> str:
    try:
        return relation_name(text if "." in text else f"public.{text}")
    except ValueError as error:
        raise ConfigError(str(error), fixes=("name a table as in SQL: --why public.posts",)) from error


def _check_there(world: World, table: str) -> None:
    known = {row.table for row in world.made} | {missing.table for missing in world.missing}
    if table not in known:
        raise ConfigError(
            f"No row of {table} was made, and none was missing.",
            fixes=(f"name one of these: {', '.join(sorted(known - {''}))}",),
        )


COMMAND = Command(name="world", help="the rows that personas find, and why each is there", add=_add, run=_run)
