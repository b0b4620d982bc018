"""All small changes that a hurried hand might make, in modules by what they are made to."""

from __future__ import annotations

from typing import Any

from pgassay.mutation.operators import functions, policies, queries, sequences, tables, triggers, views
from pgassay.mutation.operators.base import Operator

OPERATORS: tuple[Operator[Any], ...] = tuple(
    operator
    for module in (policies, tables, triggers, views, functions, queries, sequences)
    for operator in vars(module).values()
    if isinstance(operator, Operator)
)
