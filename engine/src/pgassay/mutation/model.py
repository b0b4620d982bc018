"""A mutant, what became of it, and what a run over all of them found. Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from pgassay.catalog.model import ObjectKey, Thing
from pgassay.errors import ExitCode, Place
from pgassay.mutation.footprint import Footprint
from pgassay.mutation.reach import Reach
from pgassay.toml import read_entries


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One small change of the schema: `statements` for the schema's owner, in one transaction.

    `id` stays the same from run to run as long as the object and the change do. `thing` is what is changed,
    `parts` are the ids of two mutants that are applied together. `line` is that of a function's body, from 1.
    """

    id: str
    operator: str
    target: ObjectKey
    description: str
    statements: tuple[str, ...]
    parts: tuple[str, ...] = ()
    thing: Thing | None = field(default=None, compare=False, repr=False)
    reach: Reach = field(default=Reach(), compare=False, repr=False)
    place: Place | None = field(default=None, compare=False)
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        place = f"{self.place.file}:{self.place.line}  " if self.place else ""
        return f"{place}{self.description}"


class MutantStatus(Enum):
    """What became of a mutant."""

    KILLED = "killed"  # a test failed
    TIMEOUT = "timeout"  # a test that ends quickly on the schema itself did not end: killed
    SURVIVED = "survived"  # every test that could notice passed
    EQUIVALENT = "equivalent"  # no test could notice, and why
    INVALID = "invalid"  # the server refused the statements
    UNJUDGED = "unjudged"  # the harness failed, and no test killed it


@dataclass(frozen=True, kw_only=True)
class MutantResult:
    """The fate of the mutant `id`. `by`: the test that killed it; `ran`: how many tests it took.

    `reason`: why it is equivalent, invalid or not judged.
    """

    id: str
    status: MutantStatus
    by: str = ""
    ran: int = 0
    reason: str = ""
    seconds: float = 0.0

    @property
    def is_killed(self) -> bool:
        return self.status in (MutantStatus.KILLED, MutantStatus.TIMEOUT)


@dataclass(frozen=True, kw_only=True)
class Noted:
    """One test of the reference run: its outcome, and what it has to do with the schema.

    `shared` are its fixtures of a wider scope, `sending` those that sent something while it was set up;
    `setup` are the seconds that went into fixtures.
    """

    test: str
    outcome: str
    reason: str = ""
    seconds: float = 0.0
    setup: float = 0.0
    shared: tuple[str, ...] = ()
    sending: tuple[str, ...] = ()
    footprint: Footprint

    @property
    def is_green(self) -> bool:
        return self.outcome in ("passed", "skipped")


SUITES = ("pytest", "pgtap", "matrix")
"""The access matrix is one test for each object that its baseline names."""
_MATRIX = "access matrix of "


def name_matrix_tests(objects: Iterable[str]) -> list[str]:
    """The tests that compare the matrix of each object with its baseline."""
    return [f"{_MATRIX}{name}" for name in sorted(objects)]


def object_of(test: str) -> str:
    """The object whose matrix a test compares."""
    return test.removeprefix(_MATRIX)


def suite_of(test: str) -> str:
    """Which of SUITES a test belongs to."""
    if test.startswith(_MATRIX):
        return "matrix"
    return "pgtap" if test.endswith("::pgtap") else "pytest"


@dataclass(frozen=True, kw_only=True)
class _Equivalent:
    """An entry of the file of mutants that people found to be equivalent."""

    mutant: str
    reason: Annotated[str, Meta(pattern=r"\S")]


def read_equivalents(path: Path | None) -> Mapping[str, str]:
    """Reasons by mutant, from tables `[[equivalent]]`; none without a file. Raises ConfigError."""
    return {entry.mutant: entry.reason for entry in read_entries(path, "equivalent", _Equivalent)}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The test that is missing: what differs with a mutant, and SQL that shows it."""

    says: str
    script: str


@dataclass(frozen=True, kw_only=True)
class MutantFate:
    """A mutant and what became of it. `proposal`: how a test could have noticed, where that was searched."""

    mutant: Mutant
    result: MutantResult
    proposal: Proposal | None = None


@dataclass(frozen=True, kw_only=True)
class MutationCampaign:
    """All mutants of a run. `stale`: entries of the ignore file that no mutant answers to any more.

    `blind`: tests that were left out: they send nothing to a database of the schema, or were skipped.
    `untouched`: how many tests did not run on the schema itself again, since no change could touch them.
    `seconds` is wall-clock time, `resumed` how many results an earlier run had found.
    """

    fates: tuple[MutantFate, ...]
    stale: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    untouched: int = 0
    tests: int = 0
    resumed: int = 0
    seconds: float = 0.0

    def with_proposals(self, found: Mapping[str, Proposal]) -> MutationCampaign:
        """With tests that are missing, by the ids of mutants."""
        fates = tuple(replace(fate, proposal=found.get(fate.mutant.id)) for fate in self.fates)
        return replace(self, fates=fates)

    def of(self, *statuses: MutantStatus) -> tuple[MutantFate, ...]:
        """Those with one of these fates."""
        return tuple(fate for fate in self.fates if fate.result.status in statuses)

    @property
    def killed(self) -> tuple[MutantFate, ...]:
        return self.of(MutantStatus.KILLED, MutantStatus.TIMEOUT)

    @property
    def survived(self) -> tuple[MutantFate, ...]:
        return self.of(MutantStatus.SURVIVED)

    @property
    def equivalent(self) -> tuple[MutantFate, ...]:
        return self.of(MutantStatus.EQUIVALENT)

    @property
    def invalid(self) -> tuple[MutantFate, ...]:
        return self.of(MutantStatus.INVALID)

    @property
    def unjudged(self) -> tuple[MutantFate, ...]:
        return self.of(MutantStatus.UNJUDGED)

    @property
    def pairs(self) -> tuple[MutantFate, ...]:
        """Those of two changes."""
        return tuple(fate for fate in self.fates if fate.mutant.parts)

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
