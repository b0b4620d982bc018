"""All small changes that a hurried hand might make, one module for each kind of object."""

from __future__ import annotations

from typing import Any

from pgassay.mutation.operators import functions, indexes, policies, tables, triggers, views
from pgassay.mutation.operators.base import Operator

OPERATORS: tuple[Operator[Any], ...] = tuple(
    operator
    for module in (policies, tables, triggers, views, functions, indexes)
    for operator in vars(module).values()
    if isinstance(operator, Operator)
)
