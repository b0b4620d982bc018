"""What EXPLAIN does not show of policies: the WITH CHECK that every row written has to pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pglast import ast, parse_sql

from pgassay.catalog.access import Access
from pgassay.catalog.model import Policy, Relation, Role
from pgassay.catalog.read import read_catalog
from pgassay.database import Session
from pgassay.plans.calls import Name

_COMMANDS = {"r": "select", "a": "insert", "w": "update", "d": "delete"}


@dataclass(frozen=True, kw_only=True)
class Check:
    """A policy's WITH CHECK on a table that was written, and the functions that it calls for each row."""

    table: str
    policy: str
    calls: tuple[Name, ...]


def read_checks(session: Session, table: str, commands: str) -> Iterator[Check]:
    """What rows written by the current role must pass; `commands` are letters of pg_policy.polcmd."""
    catalog = read_catalog(session.connection, Relation, Policy, Role)
    access = Access(catalog)
    wanted = {"all", *(_COMMANDS[letter] for letter in commands)}
    for policy in catalog.of(Policy):
        if policy.relation != table or policy.check is None or policy.command not in wanted:
            continue
        is_filtered = access.is_filtered(catalog.user, catalog.relations[policy.relation_oid])
        if is_filtered and access.applies(catalog.user, policy):
            calls = tuple(dict.fromkeys(find_bare_calls(policy.check)))
            yield Check(table=table, policy=policy.name, calls=calls)


def find_bare_calls(expression: str) -> Iterator[Name]:
    """The functions that an expression of SQL calls outside `(select …)`, which is evaluated once."""
    return _walk(parse_sql(f"select {expression}"))


def _walk(node: Any) -> Iterator[Name]:  # noqa: ANN401 - pglast has no types
    if isinstance(node, tuple):
        for item in node:
            yield from _walk(item)
    if not isinstance(node, ast.Node):
        return
    if isinstance(node, ast.SubLink) and _reads_nothing(node.subselect):
        return
    if isinstance(node, ast.FuncCall):
        *schema, name = (part.sval for part in node.funcname or ())
        yield (schema[-1] if schema else "", name)
    for attribute in node:
        yield from _walk(getattr(node, attribute))


def _reads_nothing(query: Any) -> bool:  # noqa: ANN401 - pglast has no types
    return not query.fromClause
