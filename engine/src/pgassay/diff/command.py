"""The command `pgassay diff`."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.commands import Command, add_reporting, choose_output, prepare, show_progress
from pgassay.config import Config, is_project
from pgassay.diff.report import report_review
from pgassay.diff.review import SEARCH_SECONDS, Review, review, witness_files
from pgassay.project.revisions import Side, resolve_side
from pgassay.render.output import TEXT_ALONE, Output, check_writable, write_report
from pgassay.render.report import FORMATS, publish_report
from pgassay.server import Server, open_server


@dataclass(frozen=True, kw_only=True)
class DiffRequest:
    """What to compare and how to tell: `witness` is a folder for the psql scripts of what was gained."""

    base: str
    head: str | None = None
    output: Output = TEXT_ALONE
    witness: Path | None = None
    search_seconds: float = SEARCH_SECONDS


@contextmanager
def reviewed(
    config: Config, request: DiffRequest, *, on_stage: Callable[[str], None]
) -> Iterator[tuple[Server, Side, Review]]:
    """The review, with BASE and the server that it ran on, which are there until the block ends."""
    if request.witness:
        check_writable(request.witness / "gained-01.sql")
    with TemporaryDirectory(prefix="pgassay-") as folder:
        base, head = (resolve_side(text, config, Path(folder)) for text in (request.base, request.head))
        with open_server(config.server) as server:
            found = review(server, base, head, search_seconds=request.search_seconds, on_stage=on_stage)
            yield server, base, found


def write_witnesses(request: DiffRequest, found: Review) -> None:
    """A psql script for each gain, where they were asked for."""
    if request.witness:
        for name, text in witness_files(found).items():
            write_report(request.witness / name, text)


def read_request(options: Namespace) -> DiffRequest:
    """What the arguments of `pgassay diff` ask for."""
    return DiffRequest(
        base=options.base, head=options.head, output=choose_output(options), witness=options.witness,
        search_seconds=options.search,
    )  # fmt: skip


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS, folder=False)
    parser.add_argument("base", metavar="BASE", help="a schema to compare with: a path, REV:path or REV")
    parser.add_argument(
        "head", metavar="HEAD", nargs="?", help="the same (default: the schema as it is here)"
    )
    parser.add_argument("--witness", type=Path, metavar="DIR", help="write a psql script for each gain here")
    parser.add_argument(
        "--search", type=_seconds, default=SEARCH_SECONDS, metavar="SECONDS",
        help="where nothing is gained, try other rows and claims for so long (default: %(default)s)",
    )  # fmt: skip


def _seconds(text: str) -> float:
    """Not `nan`, which no time is ever later than."""
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds


def prepare_sides(options: Namespace) -> Config:
    """As `prepare`; the project is HEAD's where HEAD is a folder."""
    head = Path(options.head or "")
    if options.head and not options.project and head.is_dir() and is_project(head.absolute()):
        options.project = head
    return prepare(options)


def _run(options: Namespace) -> int:
    config = prepare_sides(options)
    request = read_request(options)
    with show_progress() as show, reviewed(config, request, on_stage=show) as (_, _, found):
        pass
    publish_report(report_review(found), request.output)
    write_witnesses(request, found)
    return found.exit_code


COMMAND = Command(
    name="diff", help="who can do what they could not do before, as executed", add=_add, run=_run
)
