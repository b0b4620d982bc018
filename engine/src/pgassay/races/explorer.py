"""Every order of the steps, once: a depth-first search that runs each schedule from the start.

Orders that differ only in adjacent steps that commute are run once, by sleep sets: P. Godefroid,
"Partial-Order Methods for the Verification of Concurrent Systems" (1996).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import factorial, prod
from typing import Generic, Protocol, TypeVar

from pgassay.races.model import StepKind

Key = tuple[str, ...]
"""A thing that can be locked: its kind and its identity, such as ("relation", "16402")."""


@dataclass(frozen=True, kw_only=True)
class HeldLock:
    """A row of pg_locks that was granted."""

    key: Key
    mode: str


@dataclass(frozen=True, kw_only=True)
class Touched:
    """What the transaction of a step had touched when the step was over; a superset of what the step did.

    PostgreSQL keeps a lock on every relation that a transaction reads or writes until it ends. `read` was
    touched by plain reading alone, which sees what is committed; `locked` by anything stronger.
    """

    kind: StepKind
    read: frozenset[Key]
    locked: frozenset[Key]


@dataclass(frozen=True, kw_only=True)
class Peculiar:
    """Relations that are not tables of the schema: `sequences`, whose readers see what is not committed, and
    the engine's `own`, which mean nothing to a scenario.
    """

    sequences: frozenset[Key]
    own: frozenset[Key]


def footprint_of(kind: StepKind, locks: Iterable[HeldLock], peculiar: Peculiar) -> Touched | None:
    """The footprint that a transaction's locks show; None for a step that commutes with nothing."""
    all_locks = [lock for lock in locks if lock.key not in peculiar.own]
    # The one mode that keeps plain readers out.
    if any(lock.mode == "AccessExclusiveLock" for lock in all_locks):
        return None
    locked = {
        lock.key for lock in all_locks if lock.mode != "AccessShareLock" or lock.key in peculiar.sequences
    }
    read = {lock.key for lock in all_locks} - locked
    return Touched(kind=kind, read=frozenset(read), locked=frozenset(locked))


def commute(one: Touched | None, other: Touched | None) -> bool:
    """Whether two adjacent steps of different sessions lead to the same state in either order.

    Both ran without waiting and without waking anybody (else they are None), not under SERIALIZABLE.
    """
    if one is None or other is None:
        return False
    if one.kind is StepKind.STATEMENT and other.kind is StepKind.STATEMENT:
        # What is not committed is invisible to plain readers.
        return one.locked.isdisjoint(other.locked)
    return not (_is_seen_by(one, other) or _is_seen_by(other, one))


def _is_seen_by(end: Touched, other: Touched) -> bool:
    """Whether the end of a transaction, which shows its writes and frees its locks, matters to `other`."""
    if end.kind in (StepKind.BEGIN, StepKind.STATEMENT):
        return False
    if other.kind is StepKind.BEGIN:  # it takes the snapshot of a whole transaction
        return bool(end.locked)
    return other.kind is StepKind.STATEMENT and not end.locked.isdisjoint(other.locked | other.read)


T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class ExplorableRun(Protocol[T_co]):
    """A run of a scenario from its beginning: see `ScheduleRun`."""

    @property
    def ready(self) -> tuple[str, ...]: ...
    @property
    def left(self) -> Mapping[str, int]: ...
    def go(self, session: str) -> Touched | None: ...
    def repeat(self, session: str) -> None: ...
    def finish(self) -> T_co: ...
    def abandon(self) -> None: ...


@dataclass
class Census:
    """How many orders of the steps there are, by what became of them."""

    schedules: int = 0  # run
    pruned: int = 0  # differ from one that was run only in steps that commute
    impossible: int = 0  # would let a session go on that waits
    cut: int = 0  # runs that were given up when all that was left had been run in another order


@dataclass
class _Node:
    """A state on the way to the current one, and the session that goes next."""

    ready: tuple[str, ...]
    asleep: dict[str, Touched | None]
    chosen: str
    switches: int
    footprint: Touched | None = None

    def inherited(self) -> dict[str, Touched | None]:
        """Who still sleeps after the chosen step: those whose step commutes with it."""
        return {
            name: footprint
            for name, footprint in self.asleep.items()
            if name != self.chosen and commute(footprint, self.footprint)
        }


@dataclass
class Explorer(Generic[T]):
    """Runs schedules until there are no more. `start` begins a run.

    Without `prune` every order is run. `bound` limits how often a session is interrupted that could go on;
    not to be used together with `prune`, which could leave a schedule within the bound to one that is not.
    """

    start: Callable[[], ExplorableRun[T]]
    prune: bool = True
    bound: int | None = None
    census: Census = field(default_factory=Census)

    def explore(self) -> Iterator[T]:
        """What each run's `finish` returned, in an order that switches between sessions late and rarely."""
        path: list[_Node] = []
        while True:
            run = self.start()
            for node in path[:-1]:
                run.repeat(node.chosen)
            if path:
                path[-1].footprint = self._go(run, path[-1].chosen)
            if self._descend(run, path):
                self.census.schedules += 1
                yield run.finish()
            else:
                self.census.cut += 1
                run.abandon()
            if not self._turn(path):
                return

    def _descend(self, run: ExplorableRun[T], path: list[_Node]) -> bool:
        """Go on to the end, past new nodes; False when all that could go on has been run in another order."""
        while ready := run.ready:
            last = path[-1] if path else None
            asleep = last.inherited() if last and self.prune else {}
            if self.bound is None:
                self._count(run, ready, asleep)
            preferred = sorted(ready, key=lambda name: last is not None and name != last.chosen)
            chosen = next((name for name in preferred if name not in asleep), None)
            if chosen is None:
                return False
            switches = (last.switches if last else 0) + _interrupts(last, ready, chosen)
            path.append(_Node(tuple(preferred), asleep, chosen, switches))
            path[-1].footprint = self._go(run, chosen)
        return True

    def _go(self, run: ExplorableRun[T], session: str) -> Touched | None:
        if self.prune:
            return run.go(session)
        run.repeat(session)
        return None

    def _turn(self, path: list[_Node]) -> bool:
        """Choose the next alternative of the deepest node that has one; False when there is none."""
        while path:
            node = path[-1]
            node.asleep[node.chosen] = node.footprint
            before = path[-2] if len(path) > 1 else None
            for name in node.ready:
                switches = (before.switches if before else 0) + _interrupts(before, node.ready, name)
                if name not in node.asleep and (self.bound is None or switches <= self.bound):
                    node.chosen, node.switches = name, switches
                    return True
            path.pop()
        return False

    def _count(self, run: ExplorableRun[T], ready: tuple[str, ...], asleep: Mapping[str, object]) -> None:
        for name, steps in run.left.items():
            if not steps:
                continue
            below = count_orders(dict(run.left) | {name: steps - 1})
            if name not in ready:
                self.census.impossible += below
            elif name in asleep:
                self.census.pruned += below


def _interrupts(before: _Node | None, ready: tuple[str, ...], chosen: str) -> bool:
    return before is not None and before.chosen != chosen and before.chosen in ready


def count_orders(left: Mapping[str, int]) -> int:
    """The number of ways to interleave so many steps of each session."""
    return factorial(sum(left.values())) // prod(map(factorial, left.values()))
