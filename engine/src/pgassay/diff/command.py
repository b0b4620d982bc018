"""The command `pgassay diff`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.config import Config
from pgassay.diff.report import REVIEW_FORMATS
from pgassay.diff.review import SEARCH_SECONDS, Review, review
from pgassay.diff.witness import witness_files
from pgassay.errors import ExitCode
from pgassay.project.revisions import Side, resolve_side
from pgassay.render.output import TEXT_ALONE, Output, check_writable, publish, write_report
from pgassay.server import Server, open_server


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to compare and how to tell: `witness` is a folder for the psql scripts of what was gained."""

    base: str
    head: str | None = None
    output: Output = TEXT_ALONE
    witness: Path | None = None
    search_seconds: float = SEARCH_SECONDS


def show_difference(
    config: Config, request: Request, *, on_stage: Callable[[str], None] = lambda _: None
) -> ExitCode:
    """Resolve both sides, review, report."""
    with reviewed(config, request, on_stage=on_stage) as (_, _, found):
        pass
    publish(found, REVIEW_FORMATS, request.output)
    write_witnesses(request, found)
    return found.exit_code


@contextmanager
def reviewed(
    config: Config, request: Request, *, on_stage: Callable[[str], None]
) -> Iterator[tuple[Server, Side, Review]]:
    """The review, with BASE and the server that it ran on, which are there until the block ends."""
    if request.witness:
        check_writable(request.witness / "gained-01.sql")
    with TemporaryDirectory(prefix="pgassay-") as folder:
        base, head = (resolve_side(text, config, Path(folder)) for text in (request.base, request.head))
        with open_server(config.server) as server:
            found = review(server, base, head, search_seconds=request.search_seconds, on_stage=on_stage)
            yield server, base, found


def write_witnesses(request: Request, found: Review) -> None:
    """A psql script for each gain, where they were asked for."""
    if request.witness:
        for name, text in witness_files(found).items():
            write_report(request.witness / name, text)
