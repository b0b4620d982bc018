"""What happened in one run of a scenario, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from pgassay.races.line import NOTHING, Reply
from pgassay.races.model import Scenario, show

DEADLOCK, SERIALIZATION = "40P01", "40001"


class Fate(Enum):
    """What became of a step."""

    DONE = "done"
    WAITS = "waits"
    FAILED = "failed"
    PAUSED = "paused"  # at a sync point inside a function


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that a session told: of its step, or that a step which waited went on."""

    session: str
    step: str
    fate: Fate
    reply: Reply = NOTHING
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Move:
    """One entry of a schedule: a session took its next step. Its own events come first."""

    session: str
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How each session ended ("committed", "rolled back", "crashed", a SQLSTATE), and what was observed."""

    values: tuple[tuple[str, str | None], ...]

    def __str__(self) -> str:
        return ", ".join(f"{name}: {show(value)}" for name, value in self.values)

    def matches(self, expected: Mapping[str, str | None]) -> bool:
        """Whether every value that is named in `expected` is that of the outcome."""
        values = dict(self.values)
        return all(name in values and values[name] == value for name, value in expected.items())


@dataclass(frozen=True, kw_only=True)
class Violation:
    """An invariant that does not hold in the end, with some of the offending rows."""

    invariant: str
    rows: tuple[Mapping[str, str | None], ...]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One schedule that was run, and how it ended."""

    scenario: Scenario
    moves: tuple[Move, ...]
    outcome: Outcome
    violations: tuple[Violation, ...]

    @property
    def schedule(self) -> tuple[str, ...]:
        """The sessions in the order in which they took their steps."""
        return tuple(move.session for move in self.moves)

    @property
    def is_expected(self) -> bool:
        """Whether the outcome is one that the scenario names; any is where it names none."""
        expected = self.scenario.expected
        return not expected or any(self.outcome.matches(one.values) for one in expected)

    @property
    def is_broken(self) -> bool:
        return bool(self.violations) or not self.is_expected

    @property
    def simplicity(self) -> tuple[int, int, tuple[str, ...]]:
        """Sorts schedules: few steps first, then few switches from one session to another."""
        switches = sum(one != other for one, other in pairwise(self.schedule))
        return len(self.moves), switches, self.schedule

    def saw(self, fate: Fate, *sqlstates: str) -> bool:
        """Whether some step met that fate, with one of these SQLSTATEs where any is given."""
        events = (event for move in self.moves for event in move.events)
        return any(
            event.fate is fate and (not sqlstates or event.reply.sqlstate in sqlstates) for event in events
        )
