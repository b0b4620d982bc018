"""Which tests guard what: each object of the schema, and the tests that noticed when it was changed. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from pgassay.access.inventory import ObjectKey
from pgassay.mutation.outcome import Campaign, Fate


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One object: how many of its valid mutants were killed, and by which tests, the busiest first.

    Each mutant counts for the test that noticed first; others may, too. Equivalent ones do not count.
    """

    target: ObjectKey
    killed: int
    valid: int
    tests: tuple[str, ...]

    @property
    def is_guarded(self) -> bool:
        return self.killed == self.valid


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
