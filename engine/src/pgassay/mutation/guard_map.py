"""Which tests guard what: each object of the schema, and the tests that noticed when it was changed. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict

from pgassay.catalog.model import ObjectKey
from pgassay.guard_map.sheet import Guard
from pgassay.mutation.outcome import Campaign, Fate


def map_guards(campaign: Campaign) -> tuple[Guard, ...]:
    """All objects that a valid mutant was made of, by kind and name."""
    fates: dict[ObjectKey, list[Fate]] = defaultdict(list)
    for fate in (*campaign.killed, *campaign.survived, *campaign.unjudged):
        fates[fate.mutant.target].append(fate)
    return tuple(_guard(target, fates[target]) for target in sorted(fates))


def _guard(target: ObjectKey, fates: list[Fate]) -> Guard:
    killers = Counter(name_test(fate.result.by) for fate in fates if fate.result.is_killed)
    ranked = sorted(killers, key=lambda test: (-killers[test], test))
    return Guard(target=target, killed=killers.total(), valid=len(fates), tests=tuple(ranked))


def name_test(node: str) -> str:
    """A test without its parameters; a pgTAP file as its path."""
    return node.partition("[")[0].removesuffix("::pgtap")
