"""What there is to break beside the objects of the catalog: facts about them, and rows. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgassay.catalog.model import ObjectKey, Thing
from pgassay.catalog.names import quoted


@dataclass(frozen=True, kw_only=True)
class Table(Thing):
    """A table and its row level security."""

    table: str
    secured: bool
    forced: bool

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="table", object=self.table, name="")

    def __str__(self) -> str:
        return f"table {self.table}"


@dataclass(frozen=True, kw_only=True)
class View(Thing):
    """A view. `options` as in pg_class.reloptions."""

    view: str
    definition: str
    options: tuple[str, ...]

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="view", object=self.view, name="")

    def __str__(self) -> str:
        return f"view {self.view}"


@dataclass(frozen=True, kw_only=True)
class Enum(Thing):
    """An enum, and the tables that have a column of it."""

    type: str
    labels: tuple[str, ...]
    tables: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="type", object=self.type, name="")

    def __str__(self) -> str:
        return f"type {self.type}"


@dataclass(frozen=True, kw_only=True)
class Right(Thing):
    """A privilege that `role` was granted, or one that it lacks. `kind` is as GRANT spells it.

    `column` is "" for the whole object. A function's `object` has its arguments.
    """

    kind: str
    object: str
    column: str
    role: str
    privilege: str
    granted: bool

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind=f"grant on {self.kind}", object=self.object, name=self.role)

    @property
    def what(self) -> str:
        """The privilege as GRANT and REVOKE spell it, up to the role."""
        column = f" ({quoted(self.column)})" if self.column else ""
        return f"{self.privilege}{column} on {self.kind} {self.object}"

    def __str__(self) -> str:
        return f"{self.what} for {self.role}"


@dataclass(frozen=True, kw_only=True)
class Cell(Thing):
    """A number that the schema itself puts into a table. `row`: a condition that names the row."""

    table: str
    row: str
    column: str
    value: str

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="seed", object=self.table, name=self.row)

    def __str__(self) -> str:
        return f"{quoted(self.column)} of the row of {self.table} where {self.row}"
