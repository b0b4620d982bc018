"""Why access is refused, what for, and what holds without it."""

from __future__ import annotations

from pgassay.denial.assertions import By, assert_denied, assert_hidden, assert_rejected
from pgassay.denial.defence import CannotRemoveError, Worth, needed, removed
from pgassay.denial.explain import Denial, NotDeniedError, describe, explain_denial
from pgassay.denial.guard import (
    Constraint,
    DomainConstraint,
    FunctionProperty,
    Grant,
    Guard,
    NoPolicy,
    NotNull,
    Ownership,
    Policy,
    RoleMembership,
    RowSecurity,
    Trigger,
    UniqueIndex,
    ViewOption,
)

__all__ = [
    "By",
    "CannotRemoveError",
    "Constraint",
    "Denial",
    "DomainConstraint",
    "FunctionProperty",
    "Grant",
    "Guard",
    "NoPolicy",
    "NotDeniedError",
    "NotNull",
    "Ownership",
    "Policy",
    "RoleMembership",
    "RowSecurity",
    "Trigger",
    "UniqueIndex",
    "ViewOption",
    "Worth",
    "assert_denied",
    "assert_hidden",
    "assert_rejected",
    "describe",
    "explain_denial",
    "needed",
    "removed",
]
