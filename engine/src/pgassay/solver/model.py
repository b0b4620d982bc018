"""Conditions, what can be set to make them true or false, and what came of it. Pure.

`Solver` (solver/solver.py) is what others use:

    Solver(session, makers=…, effort=1)      # a session of the owner's, on a loaded database
    solver.conditions(table)                 # of a table: policies, checks, triggers' WHEN, indexes
    solver.atoms(condition)                  # the parts that AND, OR and NOT join
    solver.make(RowNeed(...))                # one valid row: Made, or Unreached
    solver.reach(Goal(...), persona, ...)    # rows for a goal, as the server judges: Reached, or Unreached
    solver.judge(condition, persona, values) # what each atom of a condition is for a row that is there

All of them propose; PostgreSQL decides. None of them raises for a schema that cannot be served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from typing import Any

Value = str | None
"""A value as PostgreSQL writes it as text; None for null."""


class Truth(Flag):
    """What an expression may be: a boolean of SQL has three values, of which a policy asks for one."""

    TRUE = auto()
    FALSE = auto()
    NULL = auto()
    NOT_TRUE = FALSE | NULL
    NOT_FALSE = TRUE | NULL
    ANY = TRUE | FALSE | NULL

    @property
    def negated(self) -> Truth:
        """What `not` makes of it: null stays."""
        true = Truth.FALSE if Truth.TRUE in self else Truth(0)
        false = Truth.TRUE if Truth.FALSE in self else Truth(0)
        return true | false | (self & Truth.NULL)


class Source(Enum):
    """Where a condition stands."""

    USING = "using"
    CHECK = "with check"
    CONSTRAINT = "constraint"
    DOMAIN = "domain"
    WHEN = "when"  # of a trigger
    INDEX = "index"  # the predicate of a partial one
    VIEW = "view"
    BRANCH = "if"  # of a function
    WHERE = "where"  # of a statement in a function


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A boolean expression of the catalog. `table` is as SQL spells it, "" where there is no row.

    `name` is that of the policy, constraint, trigger, index, view or function; `command` and `roles` are a
    policy's. `asks`: whose rights its subqueries have; "" for whoever sends the request. `parameters`: of a
    function, by name, with their types.
    """

    text: str
    source: Source
    table: str = ""
    name: str = ""
    command: str = ""
    roles: tuple[str, ...] = ()
    permissive: bool = True
    asks: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if self.source in (Source.USING, Source.CHECK):
            return f'{self.source.value} of policy "{self.name}" on {self.table}'
        return f"{self.source.value} of {self.name}"


@dataclass(frozen=True, kw_only=True)
class Atom:
    """A part of a condition that AND, OR and NOT join; `number` counts from 0 in the order of the text."""

    condition: Condition
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.text} in {self.condition}"


@dataclass(frozen=True)
class RowRef:
    """A row of an assignment: `number` 0 is the row in question, others are those that it needs."""

    table: str
    number: int = 0


@dataclass(frozen=True)
class ColumnSlot:
    """A column of a row; `path` leads into a JSON document."""

    row: RowRef
    column: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClaimSlot:
    """A claim of the token, such as (app_metadata, role)."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class SettingSlot:
    """A setting of the request, or any other; `path` leads into a JSON document."""

    name: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class ArgumentSlot:
    """An argument of a function, of a type as SQL spells it."""

    name: str
    type: str = "text"
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeySlot:
    """The key of one entry of a document that a query goes through, whose entries it reads as rows."""

    name: str
    path: tuple[str, ...] = ()


Slot = ColumnSlot | ClaimSlot | SettingSlot | ArgumentSlot | KeySlot


@dataclass(frozen=True, kw_only=True)
class RowNeed:
    """A row that shall be there, with these values; whatever else it needs is the maker's to choose.

    `purpose` is what the row is for: ids and texts that nobody asked for are derived from it. Two needs with
    the same purpose and table get the same ids. `why` is one sentence for people.
    `shared`: where a row with the same key is there already, it is changed to have the values.
    `full`: columns that may be null get a value too, where one fits.
    """

    table: str
    values: Mapping[str, Value] = field(default_factory=dict)
    purpose: str = ""
    why: str = ""
    shared: bool = True
    full: bool = False


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What makes a condition as wanted. `rows` in the order to make them.

    `claims` and `settings` are those that differ from the persona's own: `claims` whole, as JSON values.
    """

    rows: tuple[RowNeed, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A condition, or one atom of it, and what it shall be.

    Of an atom, the others are made such that it alone decides, where that can be had. `unwritten`: it is
    asked of a row that is not there yet, so that no subquery finds it.
    """

    condition: Condition
    wanted: Truth = Truth.TRUE
    atom: Atom | None = None
    unwritten: bool = False

    def __str__(self) -> str:
        word = {Truth.TRUE: "true", Truth.NOT_TRUE: "not true", Truth.FALSE: "false", Truth.NULL: "null"}
        return f"{self.atom or self.condition} is {word.get(self.wanted, 'as wanted')}"


class Reason(Enum):
    """Why something was not reached."""

    CLOCK = "depends on the clock"
    CHANCE = "depends on chance"
    HASH = "depends on a text of which only the hash is known"
    OPAQUE = "calls what cannot be read"
    CLAIMS = "would take other claims"
    HIDDEN = "looks for a row that whoever asks may not see"
    CONTRADICTION = "no values fit"
    REFUSED = "the server refused"
    BUDGET = "the budget was spent"
    UNREACHED = "what was tried was not it"


@dataclass(frozen=True, kw_only=True)
class Made:
    """A row that is there: all its values, and the statements that made it and what it needs, in order.

    `unchecked`: it went in without triggers, because one of them refused.
    """

    table: str
    values: Mapping[str, Value]
    statements: tuple[str, ...] = ()
    purpose: str = ""
    why: str = ""
    unchecked: bool = False
    spent: int = 0


@dataclass(frozen=True, kw_only=True)
class Unreached:
    """What was not made, and why: `what` refused or cannot be read, in the server's words where it spoke."""

    goal: str
    reason: Reason
    what: str = ""
    spent: int = 0

    @property
    def because(self) -> str:
        """The reason without the goal."""
        return f"{self.reason.value}{f': {self.what}' if self.what else ''}"

    def __str__(self) -> str:
        return f"{self.goal}: {self.because}"


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A goal that the server confirmed. `claims` and `settings` as in Assignment: a persona may need others.

    `made` are the rows in the order of their making; `row` is the one in question, where there is one.
    """

    goal: Goal
    row: Made | None = None
    made: tuple[Made, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Value] = field(default_factory=dict)
    spent: int = 0

    @property
    def statements(self) -> tuple[str, ...]:
        """What the owner runs to have all of it."""
        return tuple(text for made in self.made for text in made.statements)
