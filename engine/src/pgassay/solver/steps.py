"""How many steps a search may take, and how many a part of it."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.solver.asking import Asker, BudgetSpentError
from pgassay.solver.state import State

STEPS = 6_000


class _SomeSpentError(Exception):
    """A part of the search has had its steps."""


class Steps:
    """The steps of one search; the asker counts those of all searches together."""

    def __init__(self, asker: Asker, most: int) -> None:
        self._asker = asker
        self._left = most
        self._floor = 0

    def take(self) -> None:
        """Count one step. Raises BudgetSpentError, or, in a part that has steps of its own, what ends it."""
        self._asker.step()
        self._left -= 1
        if self._left <= self._floor:
            raise _SomeSpentError if self._floor else BudgetSpentError

    def charge(self, number: int) -> None:
        """Count so many, of which the next step that is taken may find that they were too many."""
        self._left -= number
        self._asker.steps += number

    def within(self, most: int, states: Iterator[State]) -> Iterator[State]:
        """As many of the states as so many steps find."""
        self._floor = max(0, self._left - most)
        try:
            yield from states
        except _SomeSpentError:
            return
        finally:
            self._floor = 0
