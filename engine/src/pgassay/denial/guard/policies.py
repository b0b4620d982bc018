"""What row level security and views hold back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pgassay.catalog.names import quoted, relation_name, role_name
from pgassay.denial.guard.base import Guard

Clause = Literal["USING", "WITH CHECK"]
Command = Literal["select", "insert", "update", "delete", "all"]


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
