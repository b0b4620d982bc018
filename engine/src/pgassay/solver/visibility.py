"""Which rows of a table somebody may read, by its policies. Pure."""

from __future__ import annotations

from pglast.enums import BoolExprType

from pgassay.catalog.model import Policy
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Node, parse_expression
from pgassay.solver.syntax import junction


def visibility(schema: Schema, table: str, role: str) -> Node:
    """The policies for reading a table as one condition."""
    policies = _policies(schema, table, role)
    permissive = [_using(one) for one in policies if one.permissive]
    restrictive = [_using(one) for one in policies if not one.permissive]
    some = junction(BoolExprType.OR_EXPR, *permissive) if permissive else parse_expression("false")
    return junction(BoolExprType.AND_EXPR, *restrictive, some)


def is_hidden(schema: Schema, table: str, role: str) -> bool:
    """Whether no policy lets a role read any row of a table."""
    return not any(one.permissive for one in _policies(schema, table, role))


def _policies(schema: Schema, table: str, role: str) -> list[Policy]:
    return [
        one
        for one in schema.policies(table)
        if one.command in ("select", "all") and schema.access.applies(role, one)
    ]


def _using(policy: Policy) -> Node:
    return parse_expression(policy.using or "true")
