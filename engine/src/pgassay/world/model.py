"""What a generated world is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgassay.observation import Persona
from pgassay.solver.model import Atom

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
    """For whom an atom of a policy is true on some row of the world, and for whom it is not.

    `true` and `other` are personas' names; `why` it is not both ways for one of them.
    """

    atom: Atom
    true: frozenset[str]
    other: frozenset[str]
    why: str = ""
    is_of_row: bool = True

    @property
    def both(self) -> bool:
        """Both ways for one persona; of what no row decides, for two of them."""
        return bool(self.true & self.other) or bool(self.true and self.other and not self.is_of_row)


@dataclass(frozen=True, kw_only=True)
class World:
    """Rows that were made besides those that were there, in the order to load them; what could not be made.

    `personas`: whom the conditions tell apart besides those that asked; `spent`: how many statements it took.
    """

    made: tuple[MadeRow, ...] = ()
    missing: tuple[Missing, ...] = ()
    atoms: tuple[AtomReach, ...] = ()
    personas: tuple[Persona, ...] = ()
    spent: int = 0

    @property
    def statements(self) -> tuple[str, ...]:
        return tuple(statement for row in self.made for statement in row.statements)

    @property
    def claim(self) -> str:
        """How many atoms of policies are both ways."""
        both = sum(reach.both for reach in self.atoms)
        return f"{both} of {len(self.atoms)} atoms of policies are true on some row and not true on another."

    def of(self, table: str) -> Iterator[MadeRow]:
        """The rows made for a table, whatever else they needed."""
        return (row for row in self.made if row.table == table)


NO_ROWS = World()
