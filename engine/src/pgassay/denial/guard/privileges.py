"""Privileges that are missing, and what a function runs with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pgassay.catalog.names import function_name, quoted, relation_name, role_name, schema_name
from pgassay.denial.guard.base import Guard

Kind = Literal["table", "sequence", "function", "schema", "parameter"]

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
    name: Literal["security definer", "security invoker", "search_path", "strict"]

    def __post_init__(self) -> None:
        self._spell(function=function_name)

    @property
    def removal(self) -> str:
        return f"alter function {self.function} {_PROPERTIES[self.name]}"

    def __str__(self) -> str:
        return f"{self.name} of function {self.function}"
