"""Who acted, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Outcome(Enum):
    """What became of one statement. A denial is never just "denied"."""

    ALLOWED = "allowed"  # ran, and touched rows
    FILTERED = "filtered"  # ran, and RLS hid every target row
    DENIED_GRANT = "denied_grant"  # 42501: no privilege on table, column, schema, function
    DENIED_POLICY = "denied_policy"  # 42501: the new row violates a policy
    REJECTED = "rejected"  # a constraint or trigger refused (SQLSTATE kept)
    ERROR = "error"  # the probe itself is wrong: the run cannot judge


@dataclass(frozen=True, kw_only=True)
class Persona:
    """Who a request comes from: a database role and the claims of its token (`sub`, `email`, …)."""

    name: str
    role: str
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str | None:
        """The user's id: the claim `sub`; None for a persona that is nobody, such as anon."""
        return self.claims.get("sub")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One statement that was tried, and all that the server said about it; `sqlstate` is "" when it ran.

    A FILTERED outcome says that no row was touched: that the target exists is the caller's to prove.
    """

    outcome: Outcome
    rows: list[dict[str, Any]] = field(default_factory=list)
    rowcount: int = -1
    sqlstate: str = ""
    message: str = ""
    detail: str = ""
    hint: str = ""
    context: str = ""
    constraint: str = ""
    table: str = ""
    column: str = ""
    notices: tuple[str, ...] = ()


def same_everywhere(sqlstate: str, source_function: str) -> str:
    """The SQLSTATE that every version of PostgreSQL gives for what the C function `source_function` reported.

    PostgreSQL 18 tells `on delete restrict` (23001) from other foreign keys (23503), older ones do not.
    """
    return "23503" if (sqlstate, source_function) == ("23001", "ri_ReportViolation") else sqlstate
