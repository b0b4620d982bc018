"""What the access matrix is made of. Pure values; `docs/matrix.md` says how to read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pgassay.catalog.tables import Surface
from pgassay.database.pipeline import Answer
from pgassay.errors import Place
from pgassay.observation import Outcome, Persona

_STORAGE = "storage.objects"
# Names and definitions (42), also of what a function calls; triggers (09) and functions (2F, 39) that do what
# none may; a subquery that finds several rows where one is meant (21); functions that recurse without end.
_OF_THE_SCHEMA = ("09", "21", "2F", "39", "42", "54001")
_NO_REFUSAL = Answer(rows=(), counts=())


class Action(Enum):
    """What a persona tries."""

    SELECT = "select"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    TRUNCATE = "truncate"
    EXECUTE = "execute"
    USAGE = "usage"


class RowClass(Enum):
    """Whose rows: by the path from the table to the user, or by the override in the configuration."""

    OWN = "own"
    OTHER = "another's"
    NOBODY = "nobody's"  # there is a path, and it leads to nobody
    PUBLIC = "public"  # the table has no path to a user
    ANY = "any"  # a write or read without WHERE, by a role that may not name a row
    NONE = "-"  # no row is involved


def strip_bucket(name: str) -> str:
    """The object itself, where it is one bucket of storage.objects."""
    return _STORAGE if name.startswith(f"{_STORAGE}[") else name


@dataclass(frozen=True, kw_only=True)
class CellKey:
    """The question of a cell. `object` is spelled as in SQL; `variant` is a column, "column=value" or "-".

    `made`: asked of rows that were made besides those of the project's world, which has some of the class.
    """

    persona: str
    object: str
    action: Action
    variant: str
    rows: RowClass
    made: bool = False

    @property
    def whose(self) -> str:
        """Whose rows, as reports spell it."""
        return f"{self.rows.value}, made" if self.made else self.rows.value

    @property
    def table(self) -> str:
        """The object itself, where it is one bucket of storage.objects."""
        return strip_bucket(self.object)


@dataclass(frozen=True, kw_only=True)
class Witness:
    """The exact statement that was tried, by whom, and the row that it was aimed at; "" when at none."""

    persona: Persona
    statement: str
    row: str = ""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One statement to try for a cell.

    `state`: what tells the row from others of its class,
    such as status → QUEUED. `targets`: the rows of a SELECT by the key that it returns, each with its state:
    one probe observes all of them.
    """

    key: CellKey
    witness: Witness
    state: Mapping[str, str] = field(default_factory=dict, hash=False)
    targets: Mapping[tuple[str | None, ...], Mapping[str, str]] = field(default_factory=dict, hash=False)

    @property
    def is_start(self) -> bool:
        """Whether it only asks if a table without rows can be read at all."""
        return self.key.action is Action.SELECT and self.key.rows is RowClass.NONE


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a write did to one table besides what the statement says: rows, and columns of changed rows.

    `columns` holds the difference of an integer column where all changed rows agree on one, else None.
    """

    table: str
    inserted: int = 0
    deleted: int = 0
    changed: int = 0
    columns: tuple[tuple[str, int | None], ...] = ()


Effects = tuple[Effect, ...]


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What became of a probe, for the rows of these states: a SELECT may reach some and not others.

    `answer`: what the server said where it refused.
    """

    probe: Probe
    outcome: Outcome
    states: tuple[Mapping[str, str], ...] = field(hash=False)
    answer: Answer = _NO_REFUSAL
    effects: Effects = ()


@dataclass(frozen=True, kw_only=True)
class Try:
    """One row that was tried: what tells it from others of its class, and the statement."""

    state: Mapping[str, str] = field(hash=False)
    witness: Witness


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """One answer of a cell, for the rows named by `when` ("" where it holds for all that were tried)."""

    outcome: Outcome
    sqlstate: str = ""
    effects: Effects = ()
    when: str = ""
    why: str = ""
    witness: Witness
    rows: int = 1  # how many rows were tried with this answer
    tries: tuple[Try, ...] = field(default=(), repr=False, compare=False)  # those rows


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The executed answer to one question: several results where rows differ, the most open first."""

    key: CellKey
    results: tuple[CellResult, ...]

    @property
    def outcome(self) -> Outcome:
        """The most that the persona can do with a row of this class; ERROR where any try went wrong."""
        outcomes = [result.outcome for result in self.results]
        return Outcome.ERROR if Outcome.ERROR in outcomes else outcomes[0]

    @property
    def is_broken(self) -> bool:
        """Whether what went wrong is the schema's: a name or a definition in it, and not server or run."""
        wrong = [result.sqlstate for result in self.results if result.outcome is Outcome.ERROR]
        return bool(wrong) and all(sqlstate.startswith(_OF_THE_SCHEMA) for sqlstate in wrong)

    @property
    def witness(self) -> Witness:
        """Of the most open answer."""
        return self.results[0].witness


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Cells that the world has no row for: they were not tried, and say nothing.

    `why`: what PostgreSQL said where the rows could not be read; "" where there are none.
    """

    persona: str
    object: str
    rows: RowClass
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """All cells, sorted; what could not be tried; how many statements ran, in how many seconds; on what.

    `refused` are the personas of whom a hook or the pre-request function refuses every request, with why.
    """

    cells: tuple[Cell, ...]
    gaps: tuple[Gap, ...]
    probes: int
    seconds: float
    surface: Surface = field(default=Surface(tables={}, rights=()), repr=False, compare=False)
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def errors(self) -> tuple[Cell, ...]:
        """Cells whose probe itself went wrong: the run can not judge."""
        return tuple(cell for cell in self._wrong if not cell.is_broken)

    @property
    def broken(self) -> tuple[Cell, ...]:
        """Cells in which something of the schema fails, such as a policy that recurses."""
        return tuple(cell for cell in self._wrong if cell.is_broken)

    @property
    def _wrong(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.outcome is Outcome.ERROR)


class Direction(Enum):
    """Which way access moved."""

    GAINED = "gained"
    NEW = "new"  # of what was not there before, and opens nothing that was
    LOST = "lost"
    CHANGED = "changed"


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
