"""Which tests guard what: each object of the schema, and the tests that noticed when it was changed. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby

from pgassay.catalog.model import ObjectKey
from pgassay.errors import printable
from pgassay.guard_map.sheet import GuardedObject
from pgassay.mutation.outcome import Campaign, Fate
from pgassay.render.markdown import escape

_SHOWN = 4  # tests named for an object


def map_guards(campaign: Campaign) -> tuple[GuardedObject, ...]:
    """All objects that a valid mutant was made of, by kind and name."""
    fates: dict[ObjectKey, list[Fate]] = defaultdict(list)
    for fate in (*campaign.killed, *campaign.survived, *campaign.unjudged):
        fates[fate.mutant.target].append(fate)
    return tuple(_guard(target, fates[target]) for target in sorted(fates))


def _guard(target: ObjectKey, fates: list[Fate]) -> GuardedObject:
    killers = Counter(name_test(fate.result.by) for fate in fates if fate.result.is_killed)
    ranked = sorted(killers, key=lambda test: (-killers[test], test))
    return GuardedObject(target=target, killed=killers.total(), valid=len(fates), tests=tuple(ranked))


def name_test(node: str) -> str:
    """A test without its parameters; a pgTAP file as its path."""
    return node.partition("[")[0].removesuffix("::pgtap")


def render_guard_map(campaign: Campaign) -> str:
    """A page of Markdown: for each object of the schema the tests that guard it, or that none does."""
    guards = map_guards(campaign)
    lines = ["# GuardedObject map", "", *_introduction(guards)]
    for kind, group in groupby(guards, key=lambda guard: guard.target.kind):
        lines += ["", f"## {kind.capitalize()}", "", "| | killed | guarded by |", "|---|---:|---|"]
        lines += [_row(guard) for guard in group]
    return printable("\n".join(lines) + "\n")


def _introduction(guards: tuple[GuardedObject, ...]) -> list[str]:
    open_ = sum(not guard.is_guarded for guard in guards)
    return [
        "Made by `make guard-map`: what of the schema is guarded, and by which tests. Each mutant of an",
        "object is booked to the test that noticed it first; others may notice it, too.",
        "",
        f"{len(guards) - open_} of {len(guards)} objects are guarded against every mutant.",
    ]


def _row(guard: GuardedObject) -> str:
    target = guard.target
    name = f"{target.object} · {target.name}" if target.name else target.object
    tests = [f"`{test.rpartition('/')[2]}`" for test in guard.tests[:_SHOWN]]
    more = [f"and {len(guard.tests) - _SHOWN} more"] if len(guard.tests) > _SHOWN else []
    by = [*([] if guard.is_guarded else ["**unguarded**"]), *tests, *more]
    return f"| {escape(name)} | {guard.killed} of {guard.valid} | {', '.join(by)} |"
