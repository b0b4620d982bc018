"""The command `pgassay diff`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.access.review import SEARCH_SECONDS, review
from pgassay.config import Config
from pgassay.errors import ExitCode
from pgassay.output import TEXT_ALONE, Output, check_writable, publish, write_report
from pgassay.report.review import REVIEW_FORMATS
from pgassay.report.witness import witness_files
from pgassay.revisions import resolve_side
from pgassay.server import open_server


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
    if request.witness:
        check_writable(request.witness / "gained-01.sql")
    with TemporaryDirectory(prefix="pgassay-") as folder:
        sides = [resolve_side(text, config, Path(folder)) for text in (request.base, request.head)]
        with open_server(config.server) as server:
            found = review(server, *sides, search_seconds=request.search_seconds, on_stage=on_stage)
    publish(found, REVIEW_FORMATS, request.output)
    if request.witness:
        for name, text in witness_files(found).items():
            write_report(request.witness / name, text)
    return found.exit_code
