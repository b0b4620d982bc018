"""Scenarios as data: sessions of steps, what must hold; and what happened in one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from pgassay.observation import Persona
from pgassay.races.line import NOTHING, Reply


class Isolation(Enum):
    """PostgreSQL's isolation levels; in the weakest every statement has a snapshot of its own."""

    READ_COMMITTED = "read committed"
    REPEATABLE_READ = "repeatable read"
    SERIALIZABLE = "serializable"


class StepKind(Enum):
    """What one step does to the transaction it is in."""

    BEGIN = "begin"
    STATEMENT = "statement"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    CRASH = "crash"  # the session's backend is terminated


ENDINGS = (StepKind.COMMIT, StepKind.ROLLBACK, StepKind.CRASH)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a session: what runs without any other session coming between.

    `sql` may name columns that earlier steps of the session returned, as `%(name)s`; `opens` says that the
    transaction begins with this statement.
    """

    kind: StepKind
    sql: str = ""
    opens: bool = False

    @property
    def ends(self) -> bool:
        """Whether the transaction is over after it."""
        return self.kind in ENDINGS

    def __str__(self) -> str:
        return " ".join(self.sql.split()) if self.kind is StepKind.STATEMENT else self.kind.value


@dataclass(frozen=True, kw_only=True)
class SessionScript:
    """One client. With a persona it logs in as PostgREST does; else as `role`, where None is the owner.

    Each request is a transaction; `end` is how the last of them ends. `settings` hold in every request.
    """

    name: str
    persona: Persona | None = None
    role: str | None = None
    requests: tuple[tuple[str, ...], ...]
    end: StepKind = StepKind.COMMIT
    settings: Mapping[str, str] = field(default_factory=dict)

    def steps(self, isolation: Isolation) -> tuple[Step, ...]:
        """Its steps in order. BEGIN is one only where it fixes what the whole transaction sees."""
        last = len(self.requests) - 1
        return tuple(
            step
            for number, request in enumerate(self.requests)
            for step in _request_steps(
                request, isolation, end=self.end if number == last else StepKind.COMMIT
            )
        )


def _request_steps(request: tuple[str, ...], isolation: Isolation, *, end: StepKind) -> tuple[Step, ...]:
    # Under READ COMMITTED, BEGIN takes no snapshot and no lock: it commutes with everything.
    fused = isolation is Isolation.READ_COMMITTED
    begin = () if fused else (Step(kind=StepKind.BEGIN),)
    statements = tuple(
        Step(kind=StepKind.STATEMENT, sql=sql, opens=fused and number == 0)
        for number, sql in enumerate(request)
    )
    return (*begin, *statements, Step(kind=end))


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """An outcome that a scenario may have: the values that it names, others are free."""

    values: Mapping[str, str | None]

    def __str__(self) -> str:
        return ", ".join(f"{name}: {show(value)}" for name, value in self.values.items())


def show(value: str | None) -> str:
    """A value of a result for people."""
    return "null" if value is None else value


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Sessions that race, at one isolation level.

    `setup` is run by the owner. `invariants` (name → query) return offending rows; `observe` returns one row,
    whose columns are part of the outcome. `expected` are all the outcomes there may be; empty: any.
    A session that fails with 40001 or 40P01 starts again, `retries` times. `inside` also lets the others come
    between the statements of PL/pgSQL functions; where `shared` names tables, before those alone that may be
    about one of them: all others commute with whatever the other session does.
    """

    name: str
    shows: str = ""
    isolation: Isolation = Isolation.READ_COMMITTED
    setup: str = ""
    sessions: tuple[SessionScript, ...]
    invariants: Mapping[str, str] = field(default_factory=dict)
    observe: str = ""
    expected: tuple[Expectation, ...] = ()
    retries: int = 0
    inside: bool = False
    shared: frozenset[str] = frozenset()
    file: Path | None = None

    @cached_property
    def steps(self) -> dict[str, tuple[Step, ...]]:
        """The steps of each session, by its name."""
        return {session.name: session.steps(self.isolation) for session in self.sessions}


DEADLOCK, SERIALIZATION = "40P01", "40001"


class StepFate(Enum):
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
    fate: StepFate
    reply: Reply = NOTHING
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Move:
    """One entry of a schedule: a session took its next step. Its own events come first."""

    session: str
    events: tuple[Event, ...]


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
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
    """One schedule that was run, and how it ended.

    `skips`: how many sync points each session passed before it stopped once; without them each stops at all.
    """

    scenario: Scenario
    moves: tuple[Move, ...]
    outcome: RunOutcome
    violations: tuple[Violation, ...]
    skips: tuple[int, ...] = ()

    @property
    def schedule(self) -> tuple[str, ...]:
        """The sessions in the order in which they took their steps."""
        return tuple(move.session for move in self.moves)

    @property
    def is_expected(self) -> bool:
        """Whether the outcome is one that the scenario names; any is where it names none."""
        expected = self.scenario.expected
        return not expected or any(self.outcome.matches(expectation.values) for expectation in expected)

    @property
    def is_broken(self) -> bool:
        return bool(self.violations) or not self.is_expected

    @property
    def simplicity(self) -> tuple[int, int, tuple[str, ...]]:
        """Sorts schedules: few steps first, then few switches from one session to another."""
        switches = sum(one != other for one, other in pairwise(self.schedule))
        return len(self.moves), switches, self.schedule

    def saw(self, fate: StepFate, *sqlstates: str) -> bool:
        """Whether some step met that fate, with one of these SQLSTATEs where any is given."""
        events = (event for move in self.moves for event in move.events)
        return any(
            event.fate is fate and (not sqlstates or event.reply.sqlstate in sqlstates) for event in events
        )
