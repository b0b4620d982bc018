"""Expressions in other words: without names that nobody reads, and with what stands behind names. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pglast import ast, parser
from pglast.visitors import Skip, Visitor

from pgassay.solver.scope import Node, names_of, parse_expression, write

Bodies = Mapping[tuple[str, str], str]
"""By schema and name, the bodies of functions in SQL without arguments."""

_MORE = (
    *(
        "distinctClause",
        "intoClause",
        "fromClause",
        "whereClause",
        "groupClause",
        "havingClause",
        "withClause",
    ),
    *("windowClause", "valuesLists", "sortClause", "limitOffset", "limitCount", "lockingClause", "larg"),
)


def flatten(text: str, bodies: Bodies) -> str:
    """An expression without names of what subqueries return, and functions' expressions in place of calls."""
    try:
        [raw] = parser.parse_sql(f"select {text}")
        _Flattening(bodies)(raw)
    except parser.ParseError:
        return text
    return write(raw.stmt)


def inline(text: str, bodies: Bodies) -> str:
    """An expression with functions' expressions in place of calls."""
    try:
        [raw] = parser.parse_sql(f"select {text}")
        _Flattening(bodies)(raw)
    except parser.ParseError:
        return text
    select: Node = raw.stmt
    return write(select.targetList[0].val)


def expand(text: str, columns: Mapping[str, str]) -> str:
    """A condition of a table's rows with what its generated columns are made of in place of their names.

    Not in subqueries: there the names may mean others.
    """
    if not columns:
        return text
    try:
        [raw] = parser.parse_sql(f"select {text}")
        # Around it something that keeps it together, whatever stands beside it.
        expressions = {
            name: ast.CoalesceExpr(args=(parse_expression(made_of),)) for name, made_of in columns.items()
        }
    except parser.ParseError:
        return text
    _Expanding(expressions)(raw)
    select: Node = raw.stmt
    return write(select.targetList[0].val)


class _Expanding(Visitor):
    def __init__(self, expressions: Mapping[str, Node]) -> None:
        self._expressions = expressions

    def visit_SubLink(self, _: object, __: Node) -> type[Skip]:  # noqa: N802 - pglast's name
        return Skip

    def visit_ColumnRef(self, _: object, node: Node) -> Node | None:  # noqa: N802
        last = node.fields[-1]
        return self._expressions.get(last.sval or "") if isinstance(last, ast.String) else None


class _Flattening(Visitor):
    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies

    def visit_SubLink(self, _: object, node: Node) -> None:  # noqa: N802 - pglast's name
        """Names in FROM are read; those of what a subquery returns may be in its ORDER BY alone."""
        select = node.subselect
        if not select.sortClause and not select.groupClause:
            for target in select.targetList or ():
                target.name = None

    def visit_FuncCall(self, _: object, node: Node) -> Node | None:  # noqa: N802
        schema, name = names_of(node.funcname)
        body = None if node.args or schema is None else self._bodies.get((schema, name))
        return _read_expression(body) if body else None


def _read_expression(body: str) -> Node | None:
    """The one expression that a body selects, of no table."""
    try:
        [raw] = parser.parse_sql(body)
    except (parser.ParseError, ValueError):
        return None
    select: Node = raw.stmt
    if not isinstance(select, ast.SelectStmt) or any(getattr(select, name) is not None for name in _MORE):
        return None
    targets = select.targetList or ()
    return targets[0].val if len(targets) == 1 else None
