"""Things that refuse, as values: each says what it is, and the SQL that removes it and nothing else.

Names that have a schema are written as in SQL (`public."Order Items"`, `public.pay(uuid, integer)`); roles,
columns, policies, triggers and constraints are plain names.
"""

from __future__ import annotations

from pgassay.denial.guard.base import Guard
from pgassay.denial.guard.constraints import (
    Constraint,
    DomainConstraint,
    NotNull,
    Trigger,
    Triggers,
    UniqueIndex,
)
from pgassay.denial.guard.policies import Clause, Command, NoPolicy, Policy, RowSecurity, ViewOption
from pgassay.denial.guard.privileges import FunctionProperty, Grant, Kind, Ownership, RoleMembership

__all__ = [
    "Clause",
    "Command",
    "Constraint",
    "DomainConstraint",
    "FunctionProperty",
    "Grant",
    "Guard",
    "Kind",
    "NoPolicy",
    "NotNull",
    "Ownership",
    "Policy",
    "RoleMembership",
    "RowSecurity",
    "Trigger",
    "Triggers",
    "UniqueIndex",
    "ViewOption",
]
