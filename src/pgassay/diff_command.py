"""The command `pgassay diff`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.access.review import SEARCH_SECONDS, Review, review
from pgassay.config import Config
from pgassay.database import read_script
from pgassay.errors import ConfigError, ExitCode
from pgassay.migration.rehearsal import Rehearsal, rehearse
from pgassay.output import check_writable, write_report
from pgassay.report.migration import MIGRATION_FORMATS
from pgassay.report.review import REVIEW_FORMATS, witness_files
from pgassay.revisions import resolve_side
from pgassay.server import open_server


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to compare and how to tell: `witness` is a folder for the psql scripts of what was gained.

    `migration`: the files that are to make HEAD of a live BASE, in order.
    """

    base: str
    head: str | None = None
    format: str = "text"
    output: Path | None = None
    witness: Path | None = None
    search_seconds: float = SEARCH_SECONDS
    migration: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.migration and self.format not in MIGRATION_FORMATS:
            raise ConfigError(
                f"There is no {self.format} report of a migration.",
                fixes=(f"choose one of: {', '.join(MIGRATION_FORMATS)}",),
            )


def show_difference(
    config: Config, request: Request, *, on_stage: Callable[[str], None] = lambda _: None
) -> ExitCode:
    """Resolve both sides, review, rehearse the migration if there is one, report."""
    scripts = [read_script(path) for path in request.migration]
    if request.witness:
        check_writable(request.witness / "gained-01.sql")
    with TemporaryDirectory(prefix="pgassay-") as folder:
        sides = [resolve_side(text, config, Path(folder)) for text in (request.base, request.head)]
        with open_server(config.server) as server:
            found = review(server, *sides, search_seconds=request.search_seconds, on_stage=on_stage)
            rehearsal = (
                rehearse(server, sides[0], found, scripts, on_stage=on_stage)
                if scripts and not found.fault
                else None
            )
    _report(found, rehearsal, request)
    return max(found.exit_code, rehearsal.exit_code) if rehearsal else found.exit_code


def _report(found: Review, rehearsal: Rehearsal | None, request: Request) -> None:
    def render(format: str) -> str:
        if request.migration:
            return MIGRATION_FORMATS[format](found, rehearsal)
        return REVIEW_FORMATS[format](found)

    print(render("text" if request.output else request.format), end="", flush=True)
    if request.output:
        write_report(request.output, render(request.format))
    if request.witness:
        for name, text in witness_files(found).items():
            write_report(request.witness / name, text)
