"""Scenarios as data: sessions of steps, what must hold however they interleave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path

from pgassay.observation import Persona


class Isolation(Enum):
    """PostgreSQL's isolation levels; in the weakest every statement has a snapshot of its own."""

    READ_COMMITTED = "read committed"
    REPEATABLE_READ = "repeatable read"
    SERIALIZABLE = "serializable"


class Kind(Enum):
    """What one step does to the transaction it is in."""

    BEGIN = "begin"
    STATEMENT = "statement"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    CRASH = "crash"  # the session's backend is terminated


ENDINGS = (Kind.COMMIT, Kind.ROLLBACK, Kind.CRASH)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a session: what runs without any other session coming between.

    `sql` may name columns that earlier steps of the session returned, as `%(name)s`; `opens` says that the
    transaction begins with this statement.
    """

    kind: Kind
    sql: str = ""
    opens: bool = False

    @property
    def ends(self) -> bool:
        """Whether the transaction is over after it."""
        return self.kind in ENDINGS

    def __str__(self) -> str:
        return " ".join(self.sql.split()) if self.kind is Kind.STATEMENT else self.kind.value


@dataclass(frozen=True, kw_only=True)
class SessionScript:
    """One client. With a persona it logs in as PostgREST does; else as `role`, where None is the owner.

    Each request is a transaction; `end` is how the last of them ends. `settings` hold in every request.
    """

    name: str
    persona: Persona | None = None
    role: str | None = None
    requests: tuple[tuple[str, ...], ...]
    end: Kind = Kind.COMMIT
    settings: Mapping[str, str] = field(default_factory=dict)

    def steps(self, isolation: Isolation) -> tuple[Step, ...]:
        """Its steps in order. BEGIN is one only where it fixes what the whole transaction sees."""
        last = len(self.requests) - 1
        return tuple(
            step
            for number, request in enumerate(self.requests)
            for step in _request_steps(request, isolation, end=self.end if number == last else Kind.COMMIT)
        )


def _request_steps(request: tuple[str, ...], isolation: Isolation, *, end: Kind) -> tuple[Step, ...]:
    # Under READ COMMITTED, BEGIN takes no snapshot and no lock: it commutes with everything.
    fused = isolation is Isolation.READ_COMMITTED
    begin = () if fused else (Step(kind=Kind.BEGIN),)
    statements = tuple(
        Step(kind=Kind.STATEMENT, sql=sql, opens=fused and number == 0) for number, sql in enumerate(request)
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
    between the statements of PL/pgSQL functions.
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
    file: Path | None = None

    @cached_property
    def steps(self) -> dict[str, tuple[Step, ...]]:
        """The steps of each session, by its name."""
        return {session.name: session.steps(self.isolation) for session in self.sessions}
