"""The command `pgassay matrix`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from pgassay.commands import Command, add_effort, add_reporting, choose_output, prepare, show_progress
from pgassay.config import Config
from pgassay.errors import ConfigError, ExitCode
from pgassay.guard_map import guards_path, load_guards
from pgassay.matrix.assessment import Assessment, assess, load_accepted, load_baseline
from pgassay.matrix.baseline import render_baseline
from pgassay.matrix.page import render_matrix_page
from pgassay.matrix.report import MATRIX_FORMATS, render_matrix_text
from pgassay.project.fingerprint import fingerprint
from pgassay.render.output import TEXT_ALONE, Output, check_writable, publish, write_report
from pgassay.server import Server, open_server
from pgassay.workbench import Workbench
from pgassay.world import Show


def show_matrix(  # noqa: PLR0913 - what a caller may choose, by name
    config: Config,
    server: Server,
    *,
    accept: bool = False,
    cells: bool = False,
    output: Output = TEXT_ALONE,
    show: Show = str,
) -> ExitCode:
    """Survey, compare, report; with `accept` the result becomes the baseline, unless a probe went wrong.

    With `cells` the text has them all.
    """
    baseline = _accepting(config) if accept else None
    assessment = assess(Workbench(_without_broken(config) if accept else config, server), show=show)
    key = fingerprint(config, server=str(server.version))
    guards = load_guards(guards_path(config), key=key)
    page: Callable[[Assessment], str] = partial(render_matrix_page, guards=guards)
    text: Callable[[Assessment], str] = partial(render_matrix_text, cells=cells)
    publish(assessment, {**MATRIX_FORMATS, "html": page, "text": text}, output)
    if baseline and not (assessment.matrix.errors or assessment.matrix.broken):
        write_report(baseline, render_baseline(assessment.matrix, load_accepted(config)))
        return ExitCode.GOOD
    return assessment.exit_code


def _without_broken(config: Config) -> Config:
    """Without a baseline that is no matrix, such as one with the marks of a merge: it is written anew."""
    load_accepted(config)  # what cannot even be read is not overwritten
    try:
        load_baseline(config)
    except ConfigError:
        return replace(config, baseline=None)
    return config


def _accepting(config: Config) -> Path:
    """Where the baseline goes. Raises ConfigError before any work when it can not."""
    if config.baseline is None:
        raise ConfigError(
            "There is no place for the accepted matrix.",
            why=f"The configuration in {config.root} names no baseline.",
            fixes=("run pgassay init", 'add baseline = "access.matrix" to pgassay.toml or [tool.pgassay]'),
        )
    check_writable(config.baseline)
    return config.baseline


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=MATRIX_FORMATS)
    add_effort(parser)
    parser.add_argument("--accept", action="store_true", help="write the baseline anew")
    parser.add_argument("--cells", action="store_true", help="show every cell, not only a summary")


def _run(options: Namespace) -> int:
    config = prepare(options)
    with show_progress() as show, open_server(config.server) as server:
        show("matrix")
        output = choose_output(options)
        return show_matrix(
            config, server, accept=options.accept, cells=options.cells, output=output, show=show
        )


COMMAND = Command(
    name="matrix", help="who can do what, as executed, against the accepted baseline", add=_add, run=_run
)
