"""The command `pgassay mutate`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.commands import Command, add_jobs, add_reporting, choose_output, prepare, show_progress
from pgassay.guard_map import guards_path, save_guards
from pgassay.mutation.history import history_path
from pgassay.mutation.model import SUITES
from pgassay.mutation.plan import Selection, parse_shard
from pgassay.mutation.proposals import propose_tests
from pgassay.mutation.report import FORMATS, map_guards, render_guard_map, report_mutants
from pgassay.mutation.run import Options, run_campaign
from pgassay.project.fingerprint import fingerprint
from pgassay.project.revisions import resolve_side
from pgassay.render.output import check_writable, write_report
from pgassay.render.report import publish_report
from pgassay.server import open_server


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS)
    add_jobs(parser)
    parser.add_argument("--since", default="", metavar="REV", help="mutate only what is not the same there")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME",
        help="only mutants of this operator, object or id; * and ? match; may be repeated",
    )  # fmt: skip
    parser.add_argument("--shard", default="1/1", metavar="I/N", help="only the I-th of N parts")
    parser.add_argument(
        "--suite", choices=SUITES, action="append", help="only these tests may notice; may be repeated"
    )
    parser.add_argument("--fresh", action="store_true", help="do not go on where the last run stopped")
    parser.add_argument(
        "--merge", type=Path, action="append", default=[], metavar="PATH",
        help="go on from the build/mutation.json of another run, such as a shard; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--second-order", type=int, default=0, metavar="N",
        help="also N pairs of changes of one function, both of which the same test noticed",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="which pairs are drawn (default: %(default)s)")
    parser.add_argument(
        "--propose", type=int, default=0, metavar="STATEMENTS",
        help="search with so many statements for a test that notices each survivor",
    )  # fmt: skip
    parser.add_argument("--guard-map", type=Path, metavar="PATH", help="write which tests guard what here")


def _run(options: Namespace) -> int:
    config = prepare(options)
    for path in (options.guard_map, history_path(config)):
        if path:
            check_writable(path)
    chosen = options.suite or SUITES
    request = Options(
        selection=Selection(only=tuple(options.only), shard=parse_shard(options.shard)),
        suites=tuple(suite for suite in SUITES if suite in chosen), fresh=options.fresh, jobs=options.jobs,
        merge=tuple(options.merge), second_order=options.second_order, seed=options.seed,
    )  # fmt: skip
    with (
        show_progress() as show,
        TemporaryDirectory(prefix="pgassay-") as folder,
        open_server(config.server) as server,
    ):
        if options.since:
            request = replace(request, base=resolve_side(options.since, config, Path(folder)))
        campaign = run_campaign(config, server, request, on_progress=show)
        if options.propose:
            survivors = [fate.mutant for fate in campaign.survived]
            found = propose_tests(config, server, survivors, statements=options.propose, on_progress=show)
            campaign = campaign.with_proposals(found)
        key = fingerprint(config, server=str(server.version))
    if request.is_complete:
        save_guards(guards_path(config), map_guards(campaign), key=key)
    if options.guard_map:
        write_report(options.guard_map, render_guard_map(campaign))
    return publish_report(report_mutants(campaign), choose_output(options))


COMMAND = Command(
    name="mutate", help="break the schema in every small way; does a test notice?", add=_add, run=_run
)
