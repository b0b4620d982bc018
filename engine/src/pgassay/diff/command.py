"""The command `pgassay diff`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.commands import (
    Command,
    add_reporting,
    choose_output,
    choose_project,
    prepare,
    show_progress,
    tell_notes,
)
from pgassay.config import Config, find_root, is_project
from pgassay.diff.outcome import Review
from pgassay.diff.report import report_review
from pgassay.diff.review import SEARCH_STATEMENTS, review
from pgassay.diff.witness_scripts import witness_files
from pgassay.errors import ConfigError
from pgassay.project.revisions import Side, resolve_side
from pgassay.render.output import check_writable, write_report
from pgassay.render.report import FORMATS, publish_report
from pgassay.server import Server, open_server


@contextmanager
def reviewed(
    config: Config, options: Namespace, *, whole: bool = False, on_stage: Callable[[str], None]
) -> Iterator[tuple[Server, Side, Review]]:
    """The review that `options` ask for, with BASE and the server, which are there until the block ends.

    `whole`: with the whole matrix of HEAD.
    Notes that its report does not have are told beside it.
    """
    if options.witness:
        check_writable(options.witness / "gained-01.sql")
    untold = dict.fromkeys(config.notes)
    with TemporaryDirectory(prefix="pgassay-") as folder, ExitStack() as stack:
        try:
            base, head = (resolve_side(text, config, Path(folder)) for text in (options.base, options.head))
            server = stack.enter_context(open_server(config.server))
            found = review(server, base, head, search=options.search, whole=whole, on_stage=on_stage)
            untold = {note: None for note in untold if found.fault or note not in found.notes}
        finally:
            tell_notes(untold)
        yield server, base, found


def write_witnesses(folder: Path | None, found: Review) -> None:
    """A psql script for each gain, where they were asked for."""
    if folder:
        for name, text in witness_files(found).items():
            write_report(folder / name, text)


def _add(parser: ArgumentParser) -> None:
    add_reporting(parser, formats=FORMATS, folder=False)
    parser.add_argument("base", metavar="BASE", help="a schema to compare with: a path, REV:path or REV")
    parser.add_argument(
        "head", metavar="HEAD", nargs="?", help="the same (default: the schema as it is here)"
    )
    parser.add_argument("--witness", type=Path, metavar="DIR", help="write a psql script for each gain here")
    parser.add_argument(
        "--search", type=_number, default=SEARCH_STATEMENTS, metavar="STATEMENTS",
        help="where nothing is gained, try other rows and claims with so many (default: %(default)s)",
    )  # fmt: skip


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a number of statements")
    return int(text)


def prepare_sides(options: Namespace) -> Config:
    """As `prepare`; the project is HEAD's where HEAD is a folder. `reviewed` tells the notes.

    Outside of any project two files are enough.
    """
    head = Path(options.head or "")
    if options.head and not options.project and head.is_dir() and is_project(head.absolute()):
        options.project = head
    elif options.head and head.is_file() and not options.schema and not is_project(find_root(Path.cwd())):
        options.schema = [head]
    elif options.head and not options.schema and not is_project(choose_project(options)):
        missing = next((text for text in (options.base, options.head) if not Path(text).exists()), None)
        if missing is not None:
            raise ConfigError(
                f"The file {missing} is missing.",
                why=f"{Path.cwd()} is in no project, and so only files can be compared.",
                fixes=("give the paths of two schemas", "name a project: --project PATH"),
            )
    return prepare(options, tells_notes=False)


def _run(options: Namespace) -> int:
    config = prepare_sides(options)
    with show_progress() as show, reviewed(config, options, on_stage=show) as (_, _, found):
        pass
    publish_report(report_review(found), choose_output(options))
    write_witnesses(options.witness, found)
    return found.exit_code


COMMAND = Command(
    name="diff", help="who can do what they could not do before, as executed", add=_add, run=_run
)
