"""What a run over mutants found. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

from pgassay.errors import ExitCode
from pgassay.mutation.model import Mutant, Result, Status


@dataclass(frozen=True, kw_only=True)
class Fate:
    """A mutant and what became of it."""

    mutant: Mutant
    result: Result


@dataclass(frozen=True, kw_only=True)
class Campaign:
    """All mutants of a run. `stale`: entries of the ignore file that no mutant answers to any more.

    `blind`: tests that were left out: they send nothing to a database of the schema, or were skipped.
    `seconds` is wall-clock time, `resumed` how many results an earlier run had found.
    """

    fates: tuple[Fate, ...]
    stale: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    tests: int = 0
    resumed: int = 0
    seconds: float = 0.0

    def of(self, *statuses: Status) -> tuple[Fate, ...]:
        """Those with one of these fates."""
        return tuple(fate for fate in self.fates if fate.result.status in statuses)

    @property
    def killed(self) -> tuple[Fate, ...]:
        return self.of(Status.KILLED, Status.TIMEOUT)

    @property
    def survived(self) -> tuple[Fate, ...]:
        return self.of(Status.SURVIVED)

    @property
    def equivalent(self) -> tuple[Fate, ...]:
        return self.of(Status.EQUIVALENT)

    @property
    def invalid(self) -> tuple[Fate, ...]:
        return self.of(Status.INVALID)

    @property
    def unjudged(self) -> tuple[Fate, ...]:
        return self.of(Status.UNJUDGED)

    @property
    def valid(self) -> int:
        """How many mutants load."""
        return len(self.fates) - len(self.invalid)

    @property
    def score(self) -> float:
        """The share of killed ones among those that could be, from 0 to 1; 1 where there are none."""
        able = self.valid - len(self.equivalent)
        return len(self.killed) / able if able else 1.0

    @property
    def exit_code(self) -> ExitCode:
        if self.unjudged:
            return ExitCode.CANNOT_JUDGE
        return ExitCode.SCHEMA_PROBLEM if self.survived or self.stale else ExitCode.GOOD
