"""What a run over mutants found, as one HTML page that needs nothing else."""

from __future__ import annotations

from pgassay import guard_map, render
from pgassay.errors import ExitCode
from pgassay.guard_map.sheet import GuardSheet
from pgassay.mutation.guard_map import map_guards
from pgassay.mutation.outcome import Campaign
from pgassay.render.page import make_environment, read_asset, write_policy

_VERDICTS = {
    ExitCode.GOOD: ("good", "Every mutant was noticed"),
    ExitCode.SCHEMA_PROBLEM: ("gained", "Something is unguarded"),
    ExitCode.CANNOT_JUDGE: ("error", "Not judged"),
}


def render_mutation_html(campaign: Campaign) -> str:
    """The whole page: survivors with their statements, then the guard map."""
    style = (
        read_asset(render.__name__, "page.css")
        + read_asset(guard_map.__name__, "guards.css")
        + read_asset(__package__, "mutants.css")
    )
    sheet = GuardSheet(guards=map_guards(campaign))
    return (
        make_environment(__package__, guard_map.__name__)
        .get_template("mutants.html")
        .render(
            policy=write_policy(style, ""),
            style=style,
            campaign=campaign,
            verdict=_VERDICTS[campaign.exit_code],
            sheet=sheet,
        )
    )
