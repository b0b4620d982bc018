"""In which order tests try to kill a mutant: the likeliest for its seconds first. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from math import log, sqrt

from pgassay.mutation.footprint import Footprint
from pgassay.mutation.model import Mutant
from pgassay.mutation.reach import Reach
from pgassay.mutation.things import bare_name, scan

_OVERHEAD = 0.004  # seconds that any test takes, however little it does
# How likely a test kills of which nothing is known but that it asks the catalog and names all that is
# changed; that it names the object; that it may come to it by some way.
_DESCRIBED, _NAMED, _FAR = 0.5, 0.02, 0.002
_PASSED_BY = 0.0002  # that it runs the function, and not the line
_NEIGHBOURS = 8  # lines
_DOUBT = 2.0  # how many tries the chance that was thought before is worth

_Group = tuple[object, ...]
_Of = Callable[[str], object]  # what tests have in common that are one to a group


class _Record:
    """How often what was tried, and how often it killed."""

    def __init__(self) -> None:
        self.kills: Counter[object] = Counter()
        self.tries: Counter[object] = Counter()


class Order:
    """Ranks tests, given by their node ids in order, and learns from every mutant which of them kill what."""

    def __init__(self, footprints: Mapping[str, Footprint]) -> None:
        self._footprints = footprints
        self._records: dict[_Group, _Record] = {}
        self._reached = Counter(name for footprint in footprints.values() for name in footprint.reached)
        self._able: dict[Reach, list[str]] = {}
        self._running: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for test, footprint in footprints.items():
            for function, lines in footprint.lines.items():
                for line in lines:
                    self._running[function][line].add(test)
        self._functions = {test: test.partition("[")[0] for test in footprints}
        self._words: dict[str, frozenset[str]] = {}
        self._naming: dict[str, set[str]] = defaultdict(set)
        self._titles: dict[str, set[str]] = defaultdict(set)  # tests by the parts of words in their ids
        for test, footprint in footprints.items():
            for part in _parts_of(_words_of(test)):
                self._titles[part].add(test)
            self._words[test] = frozenset(_words_of(test)).union(*footprint.words.values())
            for word in self._words[test]:
                self._naming[word].add(test)

    def rank(self, mutant: Mutant, *, killer: str = "") -> list[str]:
        """The tests that could notice, best first; `killer` is the one that killed this mutant before."""
        able = self._find_able(mutant.reach)
        chances = self._guess(mutant, able)
        for group, of in self._groups(mutant):
            if record := self._records.get(group):
                self._correct(chances, record, of)
        worth = {
            test: chance / (self._footprints[test].seconds + _OVERHEAD) for test, chance in chances.items()
        }
        ranked = sorted(able, key=lambda test: -worth[test])
        return ([killer] if killer in worth else []) + [test for test in ranked if test != killer]

    def learn(self, mutant: Mutant, ran: Sequence[str], *, killed: bool) -> None:
        """These tests ran on the mutant; the last of them killed it, or none did."""
        for group, of in self._groups(mutant):
            record = self._records.setdefault(group, _Record())
            keys = [of(test) for test in ran] if of else ran
            record.tries.update(keys)
            record.kills.update(keys[-1:] if killed else ())

    def _find_able(self, reach: Reach) -> list[str]:
        if reach not in self._able:
            self._able[reach] = [test for test, found in self._footprints.items() if reach.covers(found)]
        return self._able[reach]

    def _groups(self, mutant: Mutant) -> Iterator[tuple[_Group, _Of | None]]:
        """What a try has in common with others, from far to close, and by what a test is known there.

        None: each test stands for itself.
        """
        operator, target = mutant.operator, mutant.target
        naming = self._naming.get(bare_name(target.object), set())
        yield (operator,), lambda test: (test in naming, self._functions[test])
        yield ("each", operator), None
        yield (target.object, target.name), None
        yield ("object", operator, target.object), None
        if mutant.place:  # what ran through one statement runs through its neighbours
            for lines in (_NEIGHBOURS, 1):
                yield (target.object, lines, mutant.place.line // lines), None

    def _find_running(self, mutant: Mutant) -> set[str]:
        """The tests that run the statement, or the branch, in which the line of the mutant is."""
        lines = self._running.get(bare_name(mutant.target.object), {})
        before = [line for line in lines if line <= mutant.line]
        return lines[max(before)] if before else set()

    def _correct(self, chances: dict[str, float], record: _Record, of: _Of | None) -> None:
        """Weigh what was thought by what similar cases showed. Most tests were never tried in one."""
        for test in chances if of else record.tries:
            if test in chances and (tries := record.tries[key := of(test) if of else test]):
                chances[test] = (record.kills[key] + _DOUBT * chances[test]) / (tries + _DOUBT)

    def _guess(self, mutant: Mutant, able: Sequence[str]) -> dict[str, float]:
        """Before anything was learned: by what the test names, and what it reached that few others do."""
        near, name = _near(mutant), bare_name(mutant.target.object)
        running, kin = self._find_running(mutant), self._find_kin(mutant)
        rare = _NAMED * sqrt(len(self._footprints) / max(self._reached[name], 1))
        near_by = Counter(test for word in near - {name} for test in self._naming.get(word, ()))
        chances: dict[str, float] = {}
        for test in able:
            footprint, words = self._footprints[test], self._words[test]
            if near <= words and (footprint.structural or footprint.describes(mutant.reach.catalogs)):
                chances[test] = _DESCRIBED
                continue
            guess = rare if name in footprint.reached else _NAMED if name in words else _FAR
            if running and name in footprint.lines:
                guess = _NAMED * sqrt(len(self._footprints) / len(running)) if test in running else _PASSED_BY
            chances[test] = min(guess * (1 + 3 * near_by[test]) * (1 + kin[test]), _DESCRIBED)
        return chances

    def _find_kin(self, mutant: Mutant) -> dict[str, float]:
        """How much the names of tests have in common with what is changed and how; rare words say more."""
        said = (word for token in scan(mutant.description) for word in _words_of(token))
        kin: dict[str, float] = defaultdict(float)
        for part in _parts_of((*_near(mutant), *said)):
            tests = self._titles.get(part, set())
            for test in tests:
                kin[test] += log(len(self._footprints) / len(tests))
        return kin


@cache
def _near(mutant: Mutant) -> frozenset[str]:
    """The words that stand for a mutant's target."""
    return frozenset((bare_name(mutant.target.object), *_words_of(mutant.target.name), *mutant.reach.hints))


_SHORT = 2  # letters of what says nothing


def _parts_of(words: Iterable[str]) -> set[str]:
    """The parts of names without the s of many: `new_jobs` and `move_job` have `job` in common."""
    parts = (part for word in words for part in word.lower().split("_"))
    return {part.rstrip("s") for part in parts if len(part) > _SHORT}


def _words_of(name: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in name).split()
