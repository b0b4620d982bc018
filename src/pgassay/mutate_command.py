"""The command `pgassay mutate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.config import Config
from pgassay.errors import ExitCode
from pgassay.mutation.outcome import Campaign
from pgassay.mutation.run import Options, run_campaign
from pgassay.output import check_writable, write_report
from pgassay.report.mutation import MUTATION_FORMATS, render_guard_map, render_mutation_text
from pgassay.revisions import resolve_side
from pgassay.server import open_server


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which mutants, and how to tell. `since`: a revision whose schema is the base, or "" for none.

    `guard_map`: where the map of guards goes.
    """

    options: Options = field(default_factory=Options)
    since: str = ""
    format: str = "text"
    output: Path | None = None
    guard_map: Path | None = None


def show_mutants(
    config: Config, request: Request, *, on_stage: Callable[[str], None] = lambda _: None
) -> ExitCode:
    """Plan, run, report. Raises what `run_campaign` raises."""
    if request.guard_map:
        check_writable(request.guard_map)
    with TemporaryDirectory(prefix="pgassay-") as folder, open_server(config.server) as server:
        options = request.options
        if request.since:
            options = replace(options, base=resolve_side(request.since, config, Path(folder)).config)
        campaign = run_campaign(config, server, options, on_stage=on_stage)
    _report(campaign, request)
    return campaign.exit_code


def _report(campaign: Campaign, request: Request) -> None:
    render = MUTATION_FORMATS[request.format]
    print((render_mutation_text if request.output else render)(campaign), end="", flush=True)
    if request.output:
        write_report(request.output, render(campaign))
    if request.guard_map:
        write_report(request.guard_map, render_guard_map(campaign))
