"""What tables themselves refuse: constraints and triggers."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgassay.catalog.names import quoted, relation_name
from pgassay.denial.guard.base import Guard


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
class Triggers(Guard):
    """All triggers of a table but those of its foreign keys. Removal disables them."""

    table: str

    def __post_init__(self) -> None:
        self._spell(table=relation_name)

    @property
    def removal(self) -> str:
        return f"alter table {self.table} disable trigger user"

    def __str__(self) -> str:
        return f"triggers on {self.table}"


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
