"""Things that refuse, as values: each says what it is, and the SQL that removes it and nothing else.

Names that have a schema are written as in SQL (`public."Order Items"`, `public.pay(uuid, integer)`); roles,
columns, policies, triggers and constraints are plain names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pgassay.catalog.model import Command
from pgassay.catalog.names import function_name, quoted, relation_name, role_name, schema_name

Clause = Literal["USING", "WITH CHECK"]
Kind = Literal["table", "sequence", "function", "schema", "parameter"]

# Fields that hold names with a schema, and their one spelling, so that equal things compare equal.
_SPELLINGS: Mapping[str, Callable[[str], str]] = {
    **dict.fromkeys(("table", "view", "relation", "index", "domain", "sequence"), relation_name),
    "function": function_name,
}
_PLAIN_NAMES = ("name", "column", "role", "member")


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One thing that refuses. Guards compare by what they are, and sort by kind, then by their sentence.

    `REMOVAL` and `SENTENCE` are templates over the fields, in which plain names are quoted.
    """

    REMOVAL: ClassVar[str]
    SENTENCE: ClassVar[str]

    def __post_init__(self) -> None:
        for name, text in vars(self).items():
            if text is not None and name in _SPELLINGS:
                object.__setattr__(self, name, _SPELLINGS[name](text))

    @property
    def removal(self) -> str:
        """The SQL that removes this and nothing else, for the schema's owner."""
        return self._fill(self.REMOVAL)

    def __str__(self) -> str:
        return self._fill(self.SENTENCE)

    def __lt__(self, other: Guard) -> bool:
        return (type(self).__name__, str(self)) < (type(other).__name__, str(other))

    def covers(self, other: Guard) -> bool:
        """Whether to name this guard is to name `other` too, as a table's grant does a column's."""
        return self == other

    def _fill(self, template: str) -> str:
        values = vars(self).items()
        return template.format(**{n: quoted(value) if n in _PLAIN_NAMES else value for n, value in values})


@dataclass(frozen=True, kw_only=True)
class Trigger(Guard):
    """A trigger that raises. Removal disables it."""

    REMOVAL = "alter table {table} disable trigger {name}"
    SENTENCE = "trigger {name} on {table}"

    table: str
    name: str
    function: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return super().__str__() + (f", function {self.function}" if self.function else "")


@dataclass(frozen=True, kw_only=True)
class Triggers(Guard):
    """All triggers of a table but those of its foreign keys. Removal disables them."""

    REMOVAL = "alter table {table} disable trigger user"
    SENTENCE = "triggers on {table}"

    table: str


@dataclass(frozen=True, kw_only=True)
class Constraint(Guard):
    """A table's constraint. Removal drops it, and the foreign keys that rest on it."""

    REMOVAL = "alter table {table} drop constraint {name} cascade"
    SENTENCE = "constraint {name} on {table}"

    table: str
    name: str


@dataclass(frozen=True, kw_only=True)
class UniqueIndex(Guard):
    """A unique index that is no constraint. Removal drops it. It lies in its table's schema."""

    REMOVAL = "drop index {index}"
    SENTENCE = "unique index {index}"

    index: str


@dataclass(frozen=True, kw_only=True)
class NotNull(Guard):
    """A column that must have a value. Removal lets it go without."""

    REMOVAL = "alter table {table} alter column {column} drop not null"
    SENTENCE = "not null of {column} on {table}"

    table: str
    column: str


@dataclass(frozen=True, kw_only=True)
class DomainConstraint(Guard):
    """A domain's constraint. Removal drops it."""

    REMOVAL = "alter domain {domain} drop constraint {name}"
    SENTENCE = "constraint {name} of domain {domain}"

    domain: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Policy(Guard):
    """One clause of a policy. Removal makes it true.

    Where a policy for UPDATE or ALL has no WITH CHECK, its USING judges the new row as well.
    """

    table: str
    name: str
    clause: Clause
    command: Command = field(default="all", compare=False)
    permissive: bool = field(default=True, compare=False)

    @property
    def removal(self) -> str:
        return f"alter policy {quoted(self.name)} on {self.table} {self.clause.lower()} (true)"

    def __str__(self) -> str:
        kind = "" if self.permissive else "restrictive "
        return f'{kind}policy "{self.name}" on {self.table}, {self.clause} for {self.command}'


@dataclass(frozen=True, kw_only=True)
class NoPolicy(Guard):
    """No permissive policy lets `role` do `command`. Removal creates one that always does."""

    table: str
    command: Command
    role: str

    @property
    def removal(self) -> str:
        name = quoted(f"pgassay {self.command} {self.role}")
        using = "" if self.command == "insert" else " using (true)"
        check = "" if self.command in ("select", "delete") else " with check (true)"
        return (
            f"create policy {name} on {self.table} for {self.command} to {role_name(self.role)}{using}{check}"
        )

    def __str__(self) -> str:
        return f"no policy on {self.table} for {self.command} to {role_name(self.role)}"


@dataclass(frozen=True, kw_only=True)
class RowSecurity(Guard):
    """Row level security as a whole, whatever its policies. Removal disables it."""

    REMOVAL = "alter table {table} disable row level security"
    SENTENCE = "row level security of {table}"

    table: str

    def covers(self, other: Guard) -> bool:
        return self == other or (isinstance(other, Policy | NoPolicy) and other.table == self.table)


@dataclass(frozen=True, kw_only=True)
class ViewOption(Guard):
    """An option of a view that narrows what it gives. Removal resets it."""

    REMOVAL = "alter view {view} reset ({option})"
    SENTENCE = "{option} of view {view}"

    view: str
    option: Literal["security_invoker", "security_barrier", "check_option"]


@dataclass(frozen=True, kw_only=True)
class Grant(Guard):
    """A privilege that `role` lacks; on these columns only where `columns` names any. Removal grants it."""

    privilege: str
    object: str
    role: str
    kind: Kind = "table"
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        spell = _SPELLINGS.get(self.kind, str)
        object.__setattr__(self, "privilege", self.privilege.lower())
        object.__setattr__(self, "object", spell(self.object))
        object.__setattr__(self, "columns", tuple(sorted(self.columns)))

    @property
    def removal(self) -> str:
        return f"grant {self._what}"

    def covers(self, other: Guard) -> bool:
        if not isinstance(other, Grant) or self._object != other._object:
            return False
        return not self.columns or (bool(other.columns) and set(other.columns) <= set(self.columns))

    def __str__(self) -> str:
        return f"missing grant {self._what}"

    @property
    def _object(self) -> tuple[str, str, str, str]:
        return (self.privilege, self.kind, self.object, self.role)

    @property
    def _what(self) -> str:
        columns = f" ({', '.join(map(quoted, self.columns))})" if self.columns else ""
        kind = {"table": "", "function": "routine "}.get(self.kind, f"{self.kind} ")
        name = quoted(self.object) if self.kind == "schema" else self.object
        return f"{self.privilege}{columns} on {kind}{name} to {role_name(self.role)}"


@dataclass(frozen=True, kw_only=True)
class RoleMembership(Guard):
    """`member` is not a member of `role`. Removal makes it one."""

    REMOVAL = "grant {role} to {member}"
    SENTENCE = "{member} is no member of {role}"

    role: str
    member: str


@dataclass(frozen=True, kw_only=True)
class Ownership(Guard):
    """`role` does not own `relation`. Removal gives it away."""

    SENTENCE = "{role} does not own {relation}"

    relation: str
    role: str

    @property
    def removal(self) -> str:
        # The new owner must be able to create in the schema; later statements do not need it.
        role = quoted(self.role)
        grant = f"grant create on schema {schema_name(self.relation)} to {role}"
        return f"{grant}; alter table {self.relation} owner to {role}"


_OPPOSITES = {
    "security definer": "security invoker",
    "security invoker": "security definer",
    "search_path": "reset search_path",
    "strict": "called on null input",
}


@dataclass(frozen=True, kw_only=True)
class FunctionProperty(Guard):
    """A property of a function. Removal takes its opposite, or resets the setting."""

    function: str
    name: Literal["security definer", "security invoker", "search_path", "strict"]

    @property
    def removal(self) -> str:
        return f"alter function {self.function} {_OPPOSITES[self.name]}"

    def __str__(self) -> str:
        return f"{self.name} of function {self.function}"
