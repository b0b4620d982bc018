"""In which order tests run on a mutant: the one most likely to kill it in the least time first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import sqrt

from pgassay.mutation.footprint import Footprint
from pgassay.mutation.model import Mutant
from pgassay.mutation.things import bare_name

_OVERHEAD = 0.004  # seconds that any test takes, however little it does
# How likely a test kills of which nothing is known but that it asks the catalog and names all that is
# changed; that it names the object; that it may come to it by some way.
_DESCRIBED, _NAMED, _FAR = 0.5, 0.02, 0.002

_DOUBT = 2.0  # how many tries the chance that was thought before is worth

Group = tuple[object, ...]


class Order:
    """Ranks tests, given by their node ids in order, and learns from every mutant which of them kill what."""

    def __init__(self, footprints: Mapping[str, Footprint]) -> None:
        self._footprints = footprints
        self._kills: Counter[tuple[Group, object]] = Counter()
        self._tries: Counter[tuple[Group, object]] = Counter()
        self._reached = Counter(name for one in footprints.values() for name in one.reached)
        self._words = {
            test: frozenset(_words_of(test)).union(*footprint.words.values())
            for test, footprint in footprints.items()
        }

    def rank(self, mutant: Mutant, *, killer: str = "") -> list[str]:
        """The tests that could notice, best first; `killer` is the one that killed this mutant before."""
        able = [test for test, one in self._footprints.items() if mutant.reach.covers(one)]
        worth = {test: self._worth(test, mutant) for test in able}
        ranked = sorted(able, key=lambda test: -worth[test])
        return ([killer] if killer in worth else []) + [test for test in ranked if test != killer]

    def learn(self, mutant: Mutant, ran: Sequence[str], *, killed: bool) -> None:
        """These tests ran on the mutant; the last of them killed it, or none did."""
        for test in ran:
            for group in self._groups(test, mutant):
                self._tries[group] += 1
                self._kills[group] += killed and test == ran[-1]

    def _worth(self, test: str, mutant: Mutant) -> float:
        """The chance to kill for a second of time: a guess, corrected by more and more similar cases."""
        chance = self._guess(test, mutant)
        for group in self._groups(test, mutant):
            chance = (self._kills[group] + _DOUBT * chance) / (self._tries[group] + _DOUBT)
        return chance / (self._footprints[test].seconds + _OVERHEAD)

    def _groups(self, test: str, mutant: Mutant) -> Iterator[tuple[Group, object]]:
        """What a try has in common with others, from far to close."""
        operator, target = mutant.operator, mutant.target
        named = bare_name(target.object) in self._words[test]
        yield (operator, named), test.partition("[")[0]
        yield (operator,), test
        yield (target.object, target.name), test
        yield (operator, target.object), test

    def _guess(self, test: str, mutant: Mutant) -> float:
        """Before anything was learned: by what the test names, and what it reached that few others do."""
        footprint, words = self._footprints[test], self._words[test]
        near, name = _near(mutant), bare_name(mutant.target.object)
        if near <= words and (footprint.structural or footprint.describes(mutant.reach.catalogs)):
            return _DESCRIBED
        guess = _NAMED if name in words else _FAR
        if name in footprint.reached:
            guess = _NAMED * sqrt(len(self._footprints) / self._reached[name])
        return min(guess * (1 + 3 * len(near & words - {name})), _DESCRIBED)


@cache
def _near(mutant: Mutant) -> frozenset[str]:
    """The words that stand for a mutant's target."""
    return frozenset((bare_name(mutant.target.object), *_words_of(mutant.target.name), *mutant.reach.hints))


def _words_of(name: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in name).split()
