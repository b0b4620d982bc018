"""Searches pairs of acts for outcomes that no serial order has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg

from pgassay.audit.acts import find_acts
from pgassay.audit.pairs import Pair, candidate_pairs, states
from pgassay.audit.scene import Scene
from pgassay.errors import CannotJudgeError, SchemaError
from pgassay.races.anomalies import SerialComparison
from pgassay.races.anomaly import Anomaly, Compared, Kind
from pgassay.races.arena import Arena
from pgassay.races.effects import Result, Shapes
from pgassay.world import Show

_WEAK = (Kind.STALE_ANSWER, Kind.DEADLOCK)


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Work, never time: pairs, in all and of each two objects; steps of schedules, in all and of one pair.

    A schedule has at most so many `interruptions`: the next number is tried where one shows nothing. Of
    two that have nothing to do with each other in any order, each is interrupted at `apart` of its points.
    """

    pairs: int = 14
    of_each: int = 1
    steps: int = 3000
    of_pair: int = 500
    interruptions: tuple[int, ...] = (1,)
    apart: int | None = 8


@dataclass(frozen=True, kw_only=True)
class Race:
    """A pair with an outcome that no serial order has; what those have."""

    pair: Pair
    anomaly: Anomaly
    serial: tuple[Result, ...] = field(repr=False)
    shapes: Shapes = field(repr=False)


@dataclass
class Search:
    """Goes through pairs until the budget is spent. `remarks`: what was not tried, in sentences."""

    scene: Scene
    budget: Budget = field(default_factory=Budget)
    remarks: list[str] = field(default_factory=list)
    schedules: int = 0
    steps: int = 0
    pairs: int = 0

    def races(self, show: Show = str) -> Iterator[Race]:
        """At most one of each two objects, the harmful first; each was seen in a second database, too."""
        weak: dict[tuple[str, ...], Race] = {}
        found: set[tuple[str, ...]] = set()
        for race in self._all(found, show):
            if race.anomaly.kind in _WEAK:
                weak.setdefault(race.pair.objects, race)
            else:
                found.add(race.pair.objects)
                yield race
        yield from (race for objects, race in weak.items() if objects not in found)

    def _all(self, found: Set[tuple[str, ...]], show: Show) -> Iterator[Race]:
        """Of each pair of which the objects are not among those `found`."""
        pairs = candidate_pairs(find_acts(self.scene), of_each=self.budget.of_each)
        with ExitStack() as stack:
            arena: Arena | None = None
            for number, pair in enumerate(pairs):
                if pair.objects in found:
                    continue
                if self.pairs >= self.budget.pairs or self.steps >= self.budget.steps:
                    self._leave(pairs[number:])
                    return
                self.pairs += 1
                show(f"{' and '.join(pair.objects)} at once, pair {number + 1} of {len(pairs)}")
                arena = arena or self._open(stack)
                race = self._of(arena, pair)
                if race and self._again(race):
                    yield race

    def _open(self, stack: ExitStack) -> Arena:
        arena = stack.enter_context(Arena(self.scene.bench, rows=self.scene.world.statements, inside=True))
        if arena.uninterrupted:
            self.remarks.append(f"two calls at once inside {', '.join(arena.uninterrupted)}")
        return arena

    def _of(self, arena: Arena, pair: Pair) -> Race | None:
        """Of the first state that shows one that is harmful; else of the first that shows any."""
        weak: Race | None = None
        for state in states(self.scene, pair):
            comparison = _comparison(arena, state)
            compared = self._tried(comparison, state)
            self.schedules += compared.schedules
            self.steps += compared.steps
            if compared.cut:
                name = " and ".join(pair.objects)
                self.remarks.append(f"{name} at once beyond {compared.schedules} schedules")
            if compared.anomaly:
                anomaly, shapes = compared.anomaly, comparison.shapes
                race = Race(pair=state, anomaly=anomaly, serial=compared.serial, shapes=shapes)
                if anomaly.kind not in _WEAK:
                    return race
                weak = weak or race
        return weak

    def _tried(self, comparison: SerialComparison, pair: Pair) -> Compared:
        try:
            return comparison.compare(
                bounds=self.budget.interruptions, limit=self.budget.of_pair, apart=self.budget.apart
            )
        except (CannotJudgeError, SchemaError, psycopg.Error) as error:
            self.remarks.append(f"{' and '.join(pair.objects)} at once: {error}".partition("\n")[0])
            return Compared()

    def _again(self, race: Race) -> bool:
        """Whether its schedule shows the same on a fresh load."""
        with Arena(self.scene.bench, rows=self.scene.world.statements, inside=True) as arena:
            return _comparison(arena, race.pair).shows(race.anomaly.trial)

    def _leave(self, pairs: Sequence[Pair]) -> None:
        more = f"{len(pairs)} more pairs" if len(pairs) > 1 else "one more pair"
        self.remarks.append(
            f"{more} of statements at once, such as {' and '.join(pairs[0].objects)}: `pgassay races` does"
        )


def _comparison(arena: Arena, pair: Pair) -> SerialComparison:
    return SerialComparison(arena, pair.scenario, lenient=pair.lenient)


def compare(scene: Scene, pair: Pair, budget: Budget, *, repairs: tuple[str, ...]) -> Compared:
    """What comes of a pair in a database of its own, after repairs. Raises psycopg.Error where they fail."""
    with Arena(scene.bench, rows=scene.world.statements, changes=repairs, inside=True) as arena:
        return _comparison(arena, pair).compare(
            bounds=budget.interruptions, limit=budget.of_pair, apart=budget.apart
        )
