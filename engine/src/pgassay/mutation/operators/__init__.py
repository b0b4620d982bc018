"""All small changes that a hurried hand might make, one module for each kind of object."""

from __future__ import annotations

from typing import Any

from pgassay.mutation.operators import data, functions, indexes, policies, privileges, tables, triggers, views
from pgassay.mutation.operators.base import Change, Example, Operator

OPERATORS: tuple[Operator[Any], ...] = (
    *policies.OPERATORS,
    *privileges.OPERATORS,
    *tables.OPERATORS,
    *triggers.OPERATORS,
    *views.OPERATORS,
    *functions.OPERATORS,
    *indexes.OPERATORS,
    *data.OPERATORS,
)

__all__ = ["OPERATORS", "Change", "Example", "Operator"]
