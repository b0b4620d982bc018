"""A difference as reports show it, whether between two schemas or to the accepted baseline. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pgassay.errors import Place
from pgassay.matrix.model import CellKey, Direction, Witness


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One sentence about cells that moved alike; `script` shows it in psql, "" where nothing can."""

    direction: Direction
    message: str
    place: Place | None = None
    cells: tuple[CellKey, ...] = ()
    before: str = ""
    after: str = ""
    witness: Witness | None = None
    script: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that is different, in the order to read it; `base` and `head` are names for the reader.

    `accepted`: what was gained stands in the baseline. `fault` says why there is nothing to compare.
    """

    base: str
    head: str
    entries: tuple[Entry, ...] = ()
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    accepted: bool = False
    fault: str = ""

    def entries_of(self, direction: Direction) -> tuple[Entry, ...]:
        """In the order to read them."""
        return tuple(entry for entry in self.entries if entry.direction is direction)

    def count(self, direction: Direction) -> int:
        return len(self.entries_of(direction))

    @property
    def objects(self) -> tuple[tuple[str, str], ...]:
        """What came and what went, each after a word for it."""
        return (*(("added", name) for name in self.added), *(("dropped", name) for name in self.dropped))
