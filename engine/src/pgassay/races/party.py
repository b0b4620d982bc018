"""A session that takes part in a run."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg

from pgassay.errors import CannotJudgeError
from pgassay.races.line import Line
from pgassay.races.model import Kind, Step


@dataclass
class Party:
    """A session in a run. `opening` is the SQL that begins each of its transactions."""

    name: str
    number: int
    line: Line
    steps: tuple[Step, ...]
    opening: str
    retries: int
    next: int = 0  # the number of steps begun
    over: bool = False
    values: dict[str, str | None] = field(default_factory=dict)
    result: str = ""  # how it ended, or what its last attempt failed with
    since: float = 0.0  # when the step began, or went on after it had waited

    @property
    def is_under_way(self) -> bool:
        """Whether its step runs or waits for another session."""
        return self.line.busy and not self.line.paused

    @property
    def can_go(self) -> bool:
        """Whether it can begin a step, or go on from a sync point."""
        return not self.over and not self.is_under_way

    @property
    def current(self) -> Step:
        """The step that was begun last."""
        return self.steps[self.next - 1]

    def render(self) -> str:
        """The SQL of the current step. Raises CannotJudgeError for a value that no step has returned."""
        step = self.current
        opening = f"{self.opening}; " if step.opens or step.kind is Kind.BEGIN else ""
        if step.kind is not Kind.STATEMENT:
            return opening if step.kind is Kind.BEGIN else step.kind.value
        if "%(" not in step.sql:
            return opening + step.sql
        try:
            return opening + self.line.mogrify(step.sql, self.values)
        except psycopg.ProgrammingError as error:
            raise CannotJudgeError(
                f"A step of {self.name} can not be filled in: {error}.",
                why=f"It is: {step}",
                fixes=("return the column by an earlier step, as in `returning id`", "write % as %%"),
            ) from error
