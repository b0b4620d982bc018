"""A call that does its work once: the same call twice leaves what it left the first time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pgassay.database.pipeline import Answer
from pgassay.diff.probes import SearchProbe

Left = tuple[tuple[tuple[str | None, ...], ...], ...]


@dataclass
class Repetitions:
    """What weighed calls leave that are made once, by persona and statement: in BASE, and in HEAD."""

    once: dict[tuple[str, str], tuple[Left, Left]] = field(default_factory=dict)

    def learn(self, attempts: Iterable[SearchProbe], *sides: Iterable[Answer]) -> None:
        """Before those that repeat them are judged."""
        for attempt, *answers in zip(attempts, *sides, strict=False):
            if attempt.weighs and len(answers) > 1 and not any(one.sqlstate for one in answers):
                before, after = (_left(attempt, one) for one in answers)
                self.once[attempt.key.persona, attempt.witness.statement] = before, after

    def is_gain(self, attempt: SearchProbe, before: Answer, after: Answer) -> bool:
        """Whether HEAD does again what BASE did once."""
        once = self.once.get((attempt.key.persona, attempt.repeats))
        if not attempt.repeats or once is None or before.sqlstate or after.sqlstate:
            return False
        return _left(attempt, before) == once[0] and _left(attempt, after) != once[1]


def _left(attempt: SearchProbe, answer: Answer) -> Left:
    return tuple(tuple(sorted(rows, key=str)) for rows in answer.rows[-len(attempt.values) :])
