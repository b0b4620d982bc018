"""What there is to break: the objects of a schema as values. Pure.

Relations and functions are spelled as in SQL, with their schema; columns, roles and names of policies,
triggers and constraints are plain names. Expressions and definitions are the server's own text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from pgassay.catalog.inventory import ObjectKey
from pgassay.catalog.names import quoted


@dataclass(frozen=True, kw_only=True)
class Thing(ABC):
    """One object, or one fact about it, that a mutant can change."""

    @property
    @abstractmethod
    def key(self) -> ObjectKey:
        """What it is called in the guard map."""

    @abstractmethod
    def __str__(self) -> str: ...


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
class Column(Thing):
    """A column of a table. `default`: its expression; None for none, and for generated columns."""

    table: str
    name: str
    type: str
    not_null: bool
    primary: bool
    default: str | None

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="column", object=self.table, name=self.name)

    @property
    def quoted(self) -> str:
        return quoted(self.name)

    def __str__(self) -> str:
        return f"column {self.quoted} of {self.table}"


@dataclass(frozen=True, kw_only=True)
class Constraint(Thing):
    """A constraint of a table: `type` is pg_constraint.contype; `target`, what a foreign key refers to."""

    table: str
    name: str
    type: str
    definition: str
    target: str | None

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="constraint", object=self.table, name=self.name)

    def __str__(self) -> str:
        return f"constraint {quoted(self.name)} of {self.table}"


@dataclass(frozen=True, kw_only=True)
class Index(Thing):
    """An index that is not a constraint's. `index` is spelled with its schema."""

    table: str
    index: str
    name: str
    definition: str

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="index", object=self.table, name=self.name)

    def __str__(self) -> str:
        return f"index {quoted(self.name)} of {self.table}"


@dataclass(frozen=True, kw_only=True)
class Policy(Thing):
    """A policy. `command` is as in SQL; `roles` are plain names, `public` for everybody."""

    table: str
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    check: str | None

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="policy", object=self.table, name=self.name)

    def __str__(self) -> str:
        return f'policy "{self.name}" on {self.table}'


@dataclass(frozen=True, kw_only=True)
class Trigger(Thing):
    """A trigger. `enabled` is pg_trigger.tgenabled; `function` is spelled as in SQL."""

    table: str
    name: str
    definition: str
    enabled: str
    function: str

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="trigger", object=self.table, name=self.name)

    def __str__(self) -> str:
        return f"trigger {quoted(self.name)} on {self.table}"


@dataclass(frozen=True, kw_only=True)
class Function(Thing):
    """A function or procedure. `definition` is pg_get_functiondef's; `settings`, the names that it sets."""

    function: str
    language: str
    definition: str
    body: str
    definer: bool
    volatility: str
    strict: bool
    settings: tuple[str, ...]

    @property
    def key(self) -> ObjectKey:
        return ObjectKey(kind="function", object=self.function, name="")

    @property
    def is_counted(self) -> bool:
        """Whether the server counts its calls: what it may put into the query in its place, it does not."""
        return self.language == "plpgsql"

    def __str__(self) -> str:
        return f"function {self.function}"


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
