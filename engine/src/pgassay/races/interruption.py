"""Two statements, one of which is interrupted once: where that can matter, and what comes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pgassay.races.arena import Arena
from pgassay.races.explorer import Key
from pgassay.races.line import Skipped
from pgassay.races.model import StepFate, Trial
from pgassay.races.preparation import PreparedScenario
from pgassay.races.run import ScheduleRun
from pgassay.races.sync import NEVER_STOP


class OtherPointError(Exception):
    """A session stopped elsewhere than it should: a handler of errors undid what had been counted."""


class Footprints:
    """What sessions came by in serial orders: their points, and what they touched.

    A transaction keeps its locks of relations to its end, so that they tell what its statement used.
    """

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._points: dict[str, Sequence[Skipped]] = {}
        self._touched: dict[str, set[Key]] = defaultdict(set)
        self._locked: dict[str, set[Key]] = defaultdict(set)

    def note(self, run: ScheduleRun, name: str) -> None:
        """After a step of a session; its points are those of the first run that begins with it."""
        line = run.parties[name].line
        if not line.in_transaction:
            return
        if run.moves[0].session == name:
            self._points.setdefault(name, list(line.skipped))
        for lock in self._arena.observer.locks(line.pid):
            self._touched[name].add(lock.key)
            if lock.mode != "AccessShareLock":
                self._locked[name].add(lock.key)

    def points(self, name: str, shared: frozenset[str]) -> list[str]:
        """Those that may be about one of these tables; all where there are none."""
        return [p.point for p in self._points[name] if p.about is None or not shared or p.about & shared]

    def shared(self, one: str, other: str, among: frozenset[str]) -> frozenset[str]:
        """Of these tables those that one session has written or locked, and the other one touched."""
        keys = self._locked[one] & self._touched[other] | self._locked[other] & self._touched[one]
        if any(kind == "advisory" for kind, *_ in keys):
            return among
        return among & {self._arena.tables.get(key[1], "") for key in keys if len(key) > 1}


@dataclass(frozen=True, kw_only=True)
class Course:
    """A schedule. `wait`: how many points the other session had passed where it came to wait.

    None where it did not wait, or not it alone.
    """

    trial: Trial
    wait: int | None
    waited: bool = False


class Stops:
    """The points of one session at which the other one may come in between.

    Locks are kept to the end of a transaction. So where the other session waits at one point for the first,
    and waits in the same place with the same outcome at a later one, it does so at all between them.
    """

    def __init__(
        self, stage: PreparedScenario, footprints: Footprints, *, name: str, other: str, number: int
    ) -> None:
        """`other` is the session whose footprint counts: the same where both do the same."""
        self._stage = stage
        self._name = name
        self._number = number
        self.are_shared = True
        if stage.shared:
            shared = footprints.shared(name, other, stage.shared)
            self.are_shared = bool(shared)
            if shared and shared != stage.shared:
                stage.share(shared)
        self._points = footprints.points(name, stage.shared)

    @property
    def count(self) -> int:
        """How many there are; after the last the session has only to commit."""
        return len(self._points)

    def run(self, skip: int) -> Course:
        """The session passes so many points and stops, the other one goes as far as it comes, then the rest.

        Raises OtherPointError.
        """
        skips = [NEVER_STOP, NEVER_STOP]
        skips[self._number] = skip
        run = self._stage.start((skips[0], skips[1]))
        run.repeat(self._name)
        stopped = [run.parties[self._name].line.paused] if skip < self.count else []
        other = next(one for one in run.parties if one != self._name)
        if other in run.ready:
            run.repeat(other)
        line = run.parties[other].line
        place = len(line.skipped) if line.busy else None
        while ready := run.ready:
            run.repeat(other if other in ready else self._name)
        if stopped != self._points[skip : skip + 1]:
            raise OtherPointError
        trial = run.finish()
        waits = sum(event.fate is StepFate.WAITS for move in trial.moves for event in move.events)
        return Course(trial=trial, wait=place if waits == 1 else None, waited=waits > 0)
