"""What a generated world is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.solver.model import Goal, Unreached

NOBODY = "nobody"
"""Whose a row is that could belong to somebody, and does not."""
SHARED = "everybody"
"""Whose the rows of a table are that has no path to a user."""


@dataclass(frozen=True, kw_only=True)
class MadeRow:
    """Rows that were made for one reason; `statements` are the owner's, in order.

    `whose`: a persona's name, NOBODY or SHARED. `unchecked`: without triggers, because one of them refused.
    """

    table: str
    whose: str
    statements: tuple[str, ...]
    why: str
    unchecked: bool = False


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A row that could not be made, and what the server said last."""

    table: str
    whose: str
    what: str

    def __str__(self) -> str:
        return f"{self.table}, row of {self.whose}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class AtomReach:
    """How the rows of the world tell an atom of a policy apart.

    `true` and `false`: there is a row on which it is so for one and the same persona; `why` it is not both.
    """

    goal: Goal
    true: bool
    false: bool
    why: str = ""

    @property
    def both(self) -> bool:
        return self.true and self.false


@dataclass(frozen=True, kw_only=True)
class World:
    """Rows that were made besides those that were there, in the order to load them; what could not be made.

    `spent`: how many statements it took.
    """

    made: tuple[MadeRow, ...] = ()
    missing: tuple[Missing, ...] = ()
    atoms: tuple[AtomReach, ...] = ()
    unreached: tuple[Unreached, ...] = ()
    spent: int = 0

    @property
    def statements(self) -> tuple[str, ...]:
        return tuple(statement for row in self.made for statement in row.statements)

    def of(self, table: str) -> Iterator[MadeRow]:
        """The rows made for a table, whatever else they needed."""
        return (row for row in self.made if row.table == table)


NO_ROWS = World()
