"""Which functions a plan calls for each row: in its expressions, and in the WITH CHECK of policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pglast import ast, parse_sql, parser

from pgassay.catalog.model import Policy, Relation, Role
from pgassay.catalog.read import Access, read_catalog
from pgassay.database import Session

Name = tuple[str, str]
"""Schema and name of a function; the schema is "" where EXPLAIN left it out."""


class Fault(Enum):
    """Why a function should not be called for each row."""

    VOLATILE = "volatile"
    UNWRAPPED = "the same for all rows; wrap it in (select …)"


Functions = Mapping[Name, Fault]
"""The database's functions that have a fault when called per row, by schema and name."""


def find_fault(called: Name, functions: Functions) -> Fault | None:
    """What is wrong with a call as EXPLAIN writes it; an unqualified name stands for any schema's."""
    schema, name = called
    if schema:
        return functions.get(called)
    return next((fault for (_, known), fault in functions.items() if known == name), None)


def read_calls(expression: str) -> Iterator[Name]:
    """The functions that an expression calls, in the order of their names' appearance.

    EXPLAIN's expressions are not SQL, with their `(InitPlan 1).col1`, but they have its tokens.
    """
    tokens = parser.scan(expression)
    texts = [expression[token.start : token.end + 1] for token in tokens]
    words = [token.name == "IDENT" or token.kind != "NO_KEYWORD" for token in tokens]
    for at, text in enumerate(texts):
        if text == "(" and at and words[at - 1]:
            qualified = at >= 3 and texts[at - 2] == "." and words[at - 3]
            yield (_plain(texts[at - 3]) if qualified else "", _plain(texts[at - 1]))


def _plain(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


_COMMANDS = {"r": "select", "a": "insert", "w": "update", "d": "delete"}


@dataclass(frozen=True, kw_only=True)
class PolicyCheck:
    """A policy's WITH CHECK on a table that was written, and the functions that it calls for each row."""

    table: str
    policy: str
    calls: tuple[Name, ...]


def read_checks(session: Session, table: str, commands: str) -> Iterator[PolicyCheck]:
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
            yield PolicyCheck(table=table, policy=policy.name, calls=calls)


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
