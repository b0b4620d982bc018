"""In which order tests are run on a mutant: the one most likely to kill for its time first. Pure but for what it learns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from pgassay.mutation.catalog import bare_name
from pgassay.mutation.footprint import Footprint
from pgassay.mutation.model import Mutant

_OVERHEAD = 0.004  # seconds that any test takes, however little it does
_GUESS = 0.02  # how likely a test kills of which nothing is known

Group = tuple[str, ...]


class Order:
    """Ranks tests, given by number, and learns from every mutant which of them kill what."""

    def __init__(self, footprints: Mapping[int, Footprint], names: Sequence[str]) -> None:
        self._footprints = footprints
        self._names = names
        self._kills: Counter[tuple[Group, int]] = Counter()
        self._tries: Counter[tuple[Group, int]] = Counter()
        self._word_sets = {
            test: frozenset().union(*footprint.words.values()) for test, footprint in footprints.items()
        }

    def rank(self, mutant: Mutant, *, killer: int | None = None) -> list[int]:
        """The tests that could notice, best first; `killer` is the one that killed this mutant before."""
        able = [test for test, one in self._footprints.items() if mutant.reach.covers(one)]
        groups = tuple(_groups(mutant))
        worth = {test: self._worth(test, mutant, groups) for test in able}
        ranked = sorted(able, key=lambda test: (-worth[test], test))
        return ([killer] if killer in worth else []) + [test for test in ranked if test != killer]

    def learn(self, mutant: Mutant, ran: Sequence[int], *, killed: bool) -> None:
        """These tests ran on the mutant; the last of them killed it, or none did."""
        for group in _groups(mutant):
            self._tries.update((group, test) for test in ran)
            if killed:
                self._kills[group, ran[-1]] += 1

    def _worth(self, test: int, mutant: Mutant, groups: tuple[Group, ...]) -> float:
        chance = self._guess(test, mutant)
        for group in groups:
            if tries := self._tries[group, test]:
                chance += self._kills[group, test] / (tries + 1) - chance * tries / (tries + 2)
        return chance / (self._footprints[test].seconds + _OVERHEAD)

    def _guess(self, test: int, mutant: Mutant) -> float:
        """Before anything was learned: by what the test names."""
        footprint, words = self._footprints[test], self._word_sets[test]
        near = _near(mutant)
        named = len(near & words) + len(near & _words_of_name(self._names[test]))
        reached = len(mutant.reach.names & footprint.reached)
        return _GUESS * (1 + 4 * named + reached / (1 + len(footprint.reached)))


def _groups(mutant: Mutant) -> Iterator[Group]:
    """What mutants have in common, from close to far."""
    yield mutant.operator, mutant.target.object, mutant.target.name
    yield mutant.operator, mutant.target.object
    yield mutant.target.object, mutant.target.name
    yield (mutant.operator,)


@cache
def _near(mutant: Mutant) -> frozenset[str]:
    names = {bare_name(mutant.target.object), *mutant.target.name.split(), *mutant.reach.words}
    return frozenset(names - {""})


@cache
def _words_of_name(name: str) -> frozenset[str]:
    return frozenset("".join(c if c.isalnum() or c == "_" else " " for c in name).split())
