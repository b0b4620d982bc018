"""How much a rule may ask, and for how long all of them may wait."""

from __future__ import annotations

from dataclasses import dataclass


class OutOfWorkError(Exception):
    """A rule has asked as much as it may."""


class OutOfPatienceError(Exception):
    """Slow statements have held the audit up for as long as they may."""


@dataclass(kw_only=True)
class Work:
    """How many statements a rule has left; one that runs into its timeout counts for many."""

    left: int

    def spend(self, statements: int) -> None:
        """Raises OutOfWorkError where none are left."""
        self.left -= statements
        if self.left < 0:
            raise OutOfWorkError
