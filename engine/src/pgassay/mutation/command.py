"""The command `pgassay mutate`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pgassay.config import Config
from pgassay.errors import ExitCode
from pgassay.guard_map.sheet import guards_path, save_guards
from pgassay.mutation.guard_map import map_guards, render_guard_map
from pgassay.mutation.report import MUTATION_FORMATS
from pgassay.mutation.run import Options, run_campaign
from pgassay.project.fingerprint import fingerprint
from pgassay.project.revisions import resolve_side
from pgassay.render.output import TEXT_ALONE, Output, check_writable, publish, write_report
from pgassay.server import open_server


@dataclass(frozen=True, kw_only=True)
class Request:
    """Which mutants, and how to tell. `since`: a revision whose schema is the base, or "" for none.

    `guard_map`: where the map of guards goes.
    """

    options: Options = field(default_factory=Options)
    since: str = ""
    output: Output = TEXT_ALONE
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
        if options.is_complete:
            key = fingerprint(config, server=str(server.version))
            save_guards(guards_path(config), map_guards(campaign), key=key)
    publish(campaign, MUTATION_FORMATS, request.output)
    if request.guard_map:
        write_report(request.guard_map, render_guard_map(campaign))
    return campaign.exit_code
