"""What is told of a scenario with an outcome that no serial order has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pgassay.races.difference import Difference
from pgassay.races.effects import Result
from pgassay.races.model import Trial


class Kind(Enum):
    """What an outcome that no serial order has is called."""

    DEADLOCK = "deadlock"
    LOST_UPDATE = "lost update"
    WRITE_SKEW = "write skew"
    DOUBLE_EFFECT = "double effect"
    PHANTOM = "phantom"
    STALE_ANSWER = "stale answer"


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """The simplest schedule with an outcome of no serial order. `refused`: how the serial orders refuse one.

    Of so many `schedules` that were run, so many are `broken`.
    """

    kind: Kind
    trial: Trial
    result: Result
    differences: tuple[Difference, ...]
    refused: str
    schedules: int
    broken: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What came of one scenario: `why` it could not be judged, or its anomaly, if there is one.

    `steps` of all `schedules` were taken; with `cut` there are more schedules.
    """

    schedules: int = 0
    steps: int = 0
    why: str = ""
    cut: bool = False
    anomaly: Anomaly | None = None
    serial: tuple[Result, ...] = ()
