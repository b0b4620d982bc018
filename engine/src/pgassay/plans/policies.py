"""What EXPLAIN does not show of policies: the WITH CHECK that every row written has to pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, LiteralString

from pglast import ast, parse_sql

from pgassay.database import Session
from pgassay.plans.calls import Name

# As the current role; polroles holds 0 for PUBLIC.
_CHECKS: LiteralString = """
    select p.polname::text, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid)
    from pg_catalog.pg_policy as p inner join pg_catalog.pg_class as c on p.polrelid = c.oid
    where
        c.relname = %s and p.polwithcheck is not null and p.polcmd = any (%s)
        and pg_catalog.row_security_active(c.oid)
        and exists (
            select from pg_catalog.unnest(p.polroles) as r where r = 0 or pg_catalog.pg_has_role(r, 'usage')
        )
    order by p.polname
"""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A policy's WITH CHECK on a table that was written, and the functions that it calls for each row."""

    table: str
    policy: str
    calls: tuple[Name, ...]


def read_checks(session: Session, table: str, commands: str) -> Iterator[Check]:
    """What rows written by the current role must pass; `commands` are letters of pg_policy.polcmd."""
    for policy, expression in session.connection.execute(_CHECKS, [table, ["*", *commands]]):
        calls = tuple(dict.fromkeys(find_bare_calls(expression)))
        yield Check(table=table, policy=policy, calls=calls)


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
