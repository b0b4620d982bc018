"""Searches pairs of acts for outcomes that no serial order has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import SimpleQueue

import psycopg

from pgassay.audit.acts import find_acts
from pgassay.audit.rules.races.pairs import Pair, candidate_pairs, states
from pgassay.audit.scene import Scene, open_loaded
from pgassay.audit.work import OutOfWorkError
from pgassay.errors import CannotJudgeError, SchemaError
from pgassay.races.anomalies import SerialComparison
from pgassay.races.anomaly import Anomaly, Compared, Kind
from pgassay.races.arena import Arena
from pgassay.races.effects import Result, Shapes
from pgassay.world import Show

_LANES = 2
_STATEMENTS = 4000
"""How many statements may look for states of one pair; more with more effort."""
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


@dataclass(kw_only=True)
class _Lane:
    """Where one pair after the other is tried: a session that looks, and an arena, once there is a pair."""

    scene: Scene
    resources: ExitStack
    arena: Arena | None = None

    def enter(self) -> Arena:
        if self.arena is None:
            arena = Arena(self.scene.bench, rows=self.scene.world.statements, inside=True)
            self.arena = self.resources.enter_context(arena)
        return self.arena


@dataclass(kw_only=True)
class _Tried:
    """What came of one pair."""

    race: Race | None = None
    schedules: int = 0
    steps: int = 0
    remarks: list[str] = field(default_factory=list)


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
        """Of each pair of which the objects are not among those `found`.

        While one is tried, so is the next. What came of it counts as if it had been tried in its turn.
        """
        pairs = candidate_pairs(find_acts(self.scene), of_each=self.budget.of_each)
        begun: dict[int, Future[_Tried]] = {}
        with ExitStack() as stack:
            lanes = self._open(stack, min(_LANES, len(pairs)))
            pool = stack.enter_context(ThreadPoolExecutor(_LANES))
            for number, pair in enumerate(pairs):
                if pair.objects in found:
                    continue
                if self.pairs >= self.budget.pairs or self.steps >= self.budget.steps:
                    self._leave(pairs[number:])
                    return
                for place in range(number, min(number + _LANES, len(pairs))):
                    if place not in begun and self.pairs + place - number < self.budget.pairs:
                        begun[place] = pool.submit(_in_turn, lanes, self.budget, pairs[place])
                show(f"{' and '.join(pair.objects)} at once, pair {number + 1} of {len(pairs)}")
                race = self._count(begun[number].result())
                if race and self._again(race):
                    yield race

    def _open(self, stack: ExitStack, count: int) -> SimpleQueue[_Lane]:
        lanes = SimpleQueue[_Lane]()
        for number in range(count):
            scene = self.scene
            if number:
                session = stack.enter_context(open_loaded(scene.bench, scene.world))
                scene = scene.beside(session, [])
            lanes.put(_Lane(scene=scene, resources=stack))
        return lanes

    def _count(self, tried: _Tried) -> Race | None:
        self.pairs += 1
        self.schedules += tried.schedules
        self.steps += tried.steps
        self.remarks += (text for text in tried.remarks if text not in self.remarks)
        return tried.race

    def _again(self, race: Race) -> bool:
        """Whether its schedule shows the same on a fresh load."""
        with Arena(self.scene.bench, rows=self.scene.world.statements, inside=True) as arena:
            return _comparison(arena, race.pair).shows(race.anomaly.trial)

    def _leave(self, pairs: Sequence[Pair]) -> None:
        more = f"{len(pairs)} more pairs" if len(pairs) > 1 else "one more pair"
        self.remarks.append(
            f"{more} of statements at once, such as {' and '.join(pairs[0].objects)}: `pgassay races` does"
        )


def _in_turn(lanes: SimpleQueue[_Lane], budget: Budget, pair: Pair) -> _Tried:
    """What comes of a pair, on the first lane that is free."""
    lane = lanes.get()
    try:
        return _try(lane, budget, pair)
    finally:
        lanes.put(lane)


def _try(lane: _Lane, budget: Budget, pair: Pair) -> _Tried:
    """The first state that shows a race that is harmful; else the first that shows any."""
    tried = _Tried()
    try:
        _try_states(lane, budget, pair, tried)
    except OutOfWorkError:
        name = " and ".join(pair.objects)
        tried.remarks.append(
            f"{name} at once with rows beyond the first {_STATEMENTS} statements: see --effort"
        )
    return tried


def _try_states(lane: _Lane, budget: Budget, pair: Pair, tried: _Tried) -> None:
    name = " and ".join(pair.objects)
    arena = lane.enter()
    if arena.uninterrupted:
        tried.remarks.append(f"two calls at once inside {', '.join(arena.uninterrupted)}")
    lane.scene.work.left = _STATEMENTS * lane.scene.bench.config.effort
    for state in states(lane.scene, pair):
        comparison = _comparison(arena, state)
        try:
            compared = comparison.compare(
                bounds=budget.interruptions, limit=budget.of_pair, apart=budget.apart
            )
        except (CannotJudgeError, SchemaError, psycopg.Error) as error:
            tried.remarks.append(f"{name} at once: {error}".partition("\n")[0])
            continue
        tried.schedules += compared.schedules
        tried.steps += compared.steps
        if compared.cut:
            tried.remarks.append(f"{name} at once beyond {compared.schedules} schedules")
        if compared.anomaly:
            race = Race(
                pair=state, anomaly=compared.anomaly, serial=compared.serial, shapes=comparison.shapes
            )
            if race.anomaly.kind not in _WEAK:
                tried.race = race
                return
            tried.race = tried.race or race


def _comparison(arena: Arena, pair: Pair) -> SerialComparison:
    return SerialComparison(arena, pair.scenario, lenient=pair.lenient)


def compare(scene: Scene, pair: Pair, budget: Budget, *, repairs: tuple[str, ...]) -> Compared:
    """What comes of a pair in a database of its own, after repairs. Raises psycopg.Error where they fail."""
    with Arena(scene.bench, rows=scene.world.statements, changes=repairs, inside=True) as arena:
        return _comparison(arena, pair).compare(
            bounds=budget.interruptions, limit=budget.of_pair, apart=budget.apart
        )
