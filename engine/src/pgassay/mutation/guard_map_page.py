"""Which tests guard what of the schema, as a page."""

from __future__ import annotations

from itertools import groupby

from pgassay.errors import printable
from pgassay.guard_map.sheet import Guard
from pgassay.mutation.guard_map import map_guards
from pgassay.mutation.outcome import Campaign
from pgassay.render.markdown import escape

_SHOWN = 4  # tests named for an object


def render_guard_map(campaign: Campaign) -> str:
    """A page of Markdown: for each object of the schema the tests that guard it, or that none does."""
    guards = map_guards(campaign)
    lines = ["# Guard map", "", *_introduction(guards)]
    for kind, group in groupby(guards, key=lambda guard: guard.target.kind):
        lines += ["", f"## {kind.capitalize()}", "", "| | killed | guarded by |", "|---|---:|---|"]
        lines += [_row(guard) for guard in group]
    return printable("\n".join(lines) + "\n")


def _introduction(guards: tuple[Guard, ...]) -> list[str]:
    open_ = sum(not guard.is_guarded for guard in guards)
    return [
        "Made by `make guard-map`: what of the schema is guarded, and by which tests. Each mutant of an",
        "object is booked to the test that noticed it first; others may notice it, too.",
        "",
        f"{len(guards) - open_} of {len(guards)} objects are guarded against every mutant.",
    ]


def _row(guard: Guard) -> str:
    target = guard.target
    name = f"{target.object} · {target.name}" if target.name else target.object
    tests = [f"`{test.rpartition('/')[2]}`" for test in guard.tests[:_SHOWN]]
    more = [f"and {len(guard.tests) - _SHOWN} more"] if len(guard.tests) > _SHOWN else []
    by = [*([] if guard.is_guarded else ["**unguarded**"]), *tests, *more]
    return f"| {escape(name)} | {guard.killed} of {guard.valid} | {', '.join(by)} |"
