"""What a statement asks of the database: relations, columns, functions, roles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, order=True)
class Name:
    """A name as a statement has it; `schema` is "" where the search path decides."""

    schema: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Use:
    """One thing that a statement does to a relation.

    `privilege` is what it takes, in lower case, or "own". `columns` are those that it writes; none where it
    names none. `scans`: reads the relation even where no column of it is mentioned.
    """

    relation: Name
    privilege: str
    columns: tuple[str, ...] = ()
    scans: bool = False


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What statements ask for. `mentioned` are names that may be columns; `whole`: every column is read."""

    uses: tuple[Use, ...]
    mentioned: frozenset[str] = frozenset()
    whole: bool = False
    functions: tuple[Name, ...] = ()
    creates_in: tuple[str, ...] = ()  # schemas; "" is the first of the search path
    roles: tuple[str, ...] = ()  # of SET ROLE
    parameters: tuple[str, ...] = ()  # of SET

    @property
    def names(self) -> tuple[Name, ...]:
        """The relations, each once."""
        return tuple(dict.fromkeys(use.relation for use in self.uses))
