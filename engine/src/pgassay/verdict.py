"""What a run of `pgassay verify` found: stages, findings, counts, one verdict. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from pgassay.errors import ExitCode, Place


class Status(Enum):
    """How a stage ended."""

    GOOD = "good"
    PROBLEM = "problem"
    NOT_JUDGED = "not judged"  # could not run: never counts as good
    SKIPPED = "skipped"  # not asked for, or there is nothing of the kind


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem of the schema, as a sentence with a place."""

    rule: str
    message: str
    place: Place | None = None
    witness: str = ""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Tests by what became of them."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.skipped


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test or pgTAP assertion; `reason` says why it failed or was skipped."""

    name: str
    outcome: str  # "passed", "failed" or "skipped"
    reason: str = ""
    place: Place | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of the gate. `detail` is one line; `seconds` is wall-clock time."""

    name: str
    status: Status
    detail: str = ""
    findings: tuple[Finding, ...] = ()
    cases: tuple[Case, ...] = ()
    counts: Mapping[str, Counts] = field(default_factory=dict)  # by suite: "tests", "pgtap"
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All stages together. Good only if every stage that was asked for ran and found nothing."""

    schema: tuple[Path, ...]
    server: str
    stages: tuple[Stage, ...]

    @property
    def exit_code(self) -> ExitCode:
        statuses = {stage.status for stage in self.stages}
        if Status.PROBLEM in statuses:
            return ExitCode.SCHEMA_PROBLEM
        if Status.NOT_JUDGED in statuses or statuses == {Status.SKIPPED}:
            return ExitCode.CANNOT_JUDGE
        return ExitCode.GOOD

    @property
    def word(self) -> str:
        return self.exit_code.word

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for stage in self.stages for finding in stage.findings)

    def counts(self, suite: str) -> Counts:
        """The counts of one suite over all stages; zeros where it did not run."""
        return next((stage.counts[suite] for stage in self.stages if suite in stage.counts), Counts())
