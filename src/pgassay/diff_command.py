"""The command `pgassay diff`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.access.review import SEARCH_SECONDS, review
from pgassay.config import Config
from pgassay.database import read_script
from pgassay.errors import ConfigError, ExitCode
from pgassay.migration.rehearsal import Upgrade, rehearse
from pgassay.output import TEXT_ALONE, Output, check_writable, publish, write_report
from pgassay.report.migration import UPGRADE_FORMATS
from pgassay.report.review import REVIEW_FORMATS
from pgassay.report.witness import witness_files
from pgassay.revisions import resolve_side
from pgassay.server import open_server


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to compare and how to tell: `witness` is a folder for the psql scripts of what was gained.

    `migration`: the files that are to make HEAD of a live BASE, in order. Raises ConfigError for a format
    that has no place for one.
    """

    base: str
    head: str | None = None
    output: Output = TEXT_ALONE
    witness: Path | None = None
    search_seconds: float = SEARCH_SECONDS
    migration: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        asked = {self.output.shown, *(name for name, _ in self.output.files)}
        if self.migration and (unknown := asked - set(UPGRADE_FORMATS)):
            raise ConfigError(
                f"There is no {' or '.join(sorted(unknown))} report of a migration.",
                fixes=(f"choose of: {', '.join(UPGRADE_FORMATS)}",),
            )


def show_difference(
    config: Config, request: Request, *, on_stage: Callable[[str], None] = lambda _: None
) -> ExitCode:
    """Resolve both sides, review, rehearse the migration if there is one, report."""
    scripts = [read_script(path) for path in request.migration]
    if request.witness:
        check_writable(request.witness / "gained-01.sql")
    with TemporaryDirectory(prefix="pgassay-") as folder:
        base, head = (resolve_side(text, config, Path(folder)) for text in (request.base, request.head))
        with open_server(config.server) as server:
            found = review(server, base, head, search_seconds=request.search_seconds, on_stage=on_stage)
            upgrade = Upgrade(review=found)
            if scripts and not found.fault:
                upgrade = rehearse(server, base, found, scripts, on_stage=on_stage)
    if scripts:
        publish(upgrade, UPGRADE_FORMATS, request.output)
    else:
        publish(found, REVIEW_FORMATS, request.output)
    if request.witness:
        for name, text in witness_files(found).items():
            write_report(request.witness / name, text)
    return upgrade.exit_code
