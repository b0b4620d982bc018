"""The command `pgassay mutate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.config import Config
from pgassay.errors import ExitCode
from pgassay.mutation.outcome import Campaign
from pgassay.mutation.plan import Selection
from pgassay.mutation.run import run_campaign
from pgassay.mutation.runner import SUITES
from pgassay.output import check_writable, write_report
from pgassay.report.mutation import MUTATION_FORMATS, render_guard_map, render_mutation_text
from pgassay.revisions import resolve_side
from pgassay.server import open_server


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which mutants, and how to tell. `since`: a revision, or "" for all; `suites`: those that may kill.

    `guard_map`: where the map of guards goes.
    """

    selection: Selection = field(default_factory=Selection)
    since: str = ""
    suites: tuple[str, ...] = SUITES
    jobs: int = 1
    fresh: bool = False
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
        base = resolve_side(request.since, config, Path(folder)).config if request.since else None
        campaign = run_campaign(
            config, server, selection=request.selection, base=base, suites=request.suites,
            jobs=request.jobs, fresh=request.fresh, on_stage=on_stage,
        )  # fmt: skip
    _report(campaign, request)
    return campaign.exit_code


def _report(campaign: Campaign, request: Request) -> None:
    render = MUTATION_FORMATS[request.format]
    print((render_mutation_text if request.output else render)(campaign), end="", flush=True)
    if request.output:
        write_report(request.output, render(campaign))
    if request.guard_map:
        write_report(request.guard_map, render_guard_map(campaign))
