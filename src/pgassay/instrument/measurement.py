"""A run of the suites with counters, judged. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

from pgassay.errors import ExitCode
from pgassay.instrument.coverage import Coverage
from pgassay.verdict import Case, Stage, Status


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the suites covered, and what became of them.

    `suites` ran with counters. `failed` are the tests that fail without them too; `disturbed` those that only
    fail with them, because they look at plans or at the text of the schema. `unread` are databases whose
    counts are lost.
    """

    coverage: Coverage
    suites: Stage
    failed: tuple[Case, ...]
    disturbed: tuple[Case, ...]
    unread: tuple[str, ...]
    seconds: float

    @property
    def exit_code(self) -> ExitCode:
        """Good only if the suites pass, their counts are whole, and nothing is missing or stale."""
        if self.suites.status is Status.NOT_JUDGED or self.unread:
            return ExitCode.CANNOT_JUDGE
        problem = self.failed or self.coverage.missing or self.coverage.stale
        return ExitCode.SCHEMA_PROBLEM if problem else ExitCode.GOOD
