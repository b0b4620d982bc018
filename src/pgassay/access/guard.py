"""Things that refuse, as values: each says what it is, and the SQL that removes it and nothing else.

Names that have a schema are written as in SQL (`public."Order Items"`, `public.pay(uuid, integer)`); roles,
columns, policies, triggers and constraints are plain names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pgassay.access.names import function_name, quoted, relation_name, role_name, schema_name

Clause = Literal["USING", "WITH CHECK"]
Command = Literal["select", "insert", "update", "delete", "all"]
Kind = Literal["table", "sequence", "function", "schema", "parameter"]


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


_OBJECTS: dict[Kind, Callable[[str], str]] = {
    "table": relation_name,
    "sequence": relation_name,
    "function": function_name,
    "schema": str,
    "parameter": str,
}


@dataclass(frozen=True, kw_only=True)
class Grant(Guard):
    """A privilege that `role` lacks; on these columns only where `columns` names any. Removal grants it."""

    privilege: str
    object: str
    role: str
    kind: Kind = "table"
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._spell(privilege=str.lower, object=_OBJECTS[self.kind])
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

    role: str
    member: str

    @property
    def removal(self) -> str:
        return f"grant {quoted(self.role)} to {quoted(self.member)}"

    def __str__(self) -> str:
        return f"{quoted(self.member)} is no member of {quoted(self.role)}"


@dataclass(frozen=True, kw_only=True)
class Ownership(Guard):
    """`role` does not own `relation`. Removal gives it away."""

    relation: str
    role: str

    def __post_init__(self) -> None:
        self._spell(relation=relation_name)

    @property
    def removal(self) -> str:
        # The new owner must be able to create in the schema; later statements do not need it.
        role = quoted(self.role)
        grant = f"grant create on schema {schema_name(self.relation)} to {role}"
        return f"{grant}; alter table {self.relation} owner to {role}"

    def __str__(self) -> str:
        return f"{quoted(self.role)} does not own {self.relation}"


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

    def __post_init__(self) -> None:
        self._spell(table=relation_name)

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

    def __post_init__(self) -> None:
        self._spell(table=relation_name)

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

    table: str

    def __post_init__(self) -> None:
        self._spell(table=relation_name)

    @property
    def removal(self) -> str:
        return f"alter table {self.table} disable row level security"

    def covers(self, other: Guard) -> bool:
        return self == other or (isinstance(other, Policy | NoPolicy) and other.table == self.table)

    def __str__(self) -> str:
        return f"row level security of {self.table}"


@dataclass(frozen=True, kw_only=True)
class Trigger(Guard):
    """A trigger that raises. Removal disables it."""

    table: str
    name: str
    function: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        self._spell(table=relation_name)

    @property
    def removal(self) -> str:
        return f"alter table {self.table} disable trigger {quoted(self.name)}"

    def __str__(self) -> str:
        function = f", function {self.function}" if self.function else ""
        return f"trigger {quoted(self.name)} on {self.table}{function}"


@dataclass(frozen=True, kw_only=True)
class Constraint(Guard):
    """A table's constraint. Removal drops it, and the foreign keys that rest on it."""

    table: str
    name: str

    def __post_init__(self) -> None:
        self._spell(table=relation_name)

    @property
    def removal(self) -> str:
        return f"alter table {self.table} drop constraint {quoted(self.name)} cascade"

    def __str__(self) -> str:
        return f"constraint {quoted(self.name)} on {self.table}"


@dataclass(frozen=True, kw_only=True)
class UniqueIndex(Guard):
    """A unique index that is no constraint. Removal drops it. It lies in its table's schema."""

    index: str

    def __post_init__(self) -> None:
        self._spell(index=relation_name)

    @property
    def removal(self) -> str:
        return f"drop index {self.index}"

    def __str__(self) -> str:
        return f"unique index {self.index}"


@dataclass(frozen=True, kw_only=True)
class NotNull(Guard):
    """A column that must have a value. Removal lets it go without."""

    table: str
    column: str

    def __post_init__(self) -> None:
        self._spell(table=relation_name)

    @property
    def removal(self) -> str:
        return f"alter table {self.table} alter column {quoted(self.column)} drop not null"

    def __str__(self) -> str:
        return f"not null of {quoted(self.column)} on {self.table}"


@dataclass(frozen=True, kw_only=True)
class DomainConstraint(Guard):
    """A domain's constraint. Removal drops it."""

    domain: str
    name: str

    def __post_init__(self) -> None:
        self._spell(domain=relation_name)

    @property
    def removal(self) -> str:
        return f"alter domain {self.domain} drop constraint {quoted(self.name)}"

    def __str__(self) -> str:
        return f"constraint {quoted(self.name)} of domain {self.domain}"


@dataclass(frozen=True, kw_only=True)
class ViewOption(Guard):
    """An option of a view that narrows what it gives. Removal resets it."""

    view: str
    option: Literal["security_invoker", "security_barrier", "check_option"]

    def __post_init__(self) -> None:
        self._spell(view=relation_name)

    @property
    def removal(self) -> str:
        return f"alter view {self.view} reset ({self.option})"

    def __str__(self) -> str:
        return f"{self.option} of view {self.view}"


_PROPERTIES = {
    "security definer": "security invoker",
    "security invoker": "security definer",
    "search_path": "reset search_path",
    "strict": "called on null input",
}


@dataclass(frozen=True, kw_only=True)
class FunctionProperty(Guard):
    """A property of a function. Removal takes its opposite, or resets the setting."""

    function: str
    property: Literal["security definer", "security invoker", "search_path", "strict"]

    def __post_init__(self) -> None:
        self._spell(function=function_name)

    @property
    def removal(self) -> str:
        return f"alter function {self.function} {_PROPERTIES[self.property]}"

    def __str__(self) -> str:
        return f"{self.property} of function {self.function}"
