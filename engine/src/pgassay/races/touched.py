"""What a step touched, as its locks show it, and which steps therefore commute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
