"""What every guard is: a thing that refuses, as a value that knows the SQL that removes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Guard(ABC):
    """One thing that refuses. Guards compare by what they are, and sort by kind, then by their sentence."""

    @property
    @abstractmethod
    def removal(self) -> str:
        """The SQL that removes this and nothing else, for the schema's owner."""

    @abstractmethod
    def __str__(self) -> str: ...

    def __lt__(self, other: Guard) -> bool:
        return (type(self).__name__, str(self)) < (type(other).__name__, str(other))

    def covers(self, other: Guard) -> bool:
        """Whether to name this guard is to name `other` too, as a table's grant does a column's."""
        return self == other

    def _spell(self, **spelling: Callable[[str], str]) -> None:
        """Bring fields that hold names to their one spelling, so that equal things compare equal."""
        for attribute, spell in spelling.items():
            object.__setattr__(self, attribute, spell(getattr(self, attribute)))
