"""Subqueries of two conditions that look into the same tables: the row that only one of them finds. Pure."""

from __future__ import annotations

from collections import defaultdict

from pglast import ast, parser
from pglast.enums import BoolExprType, BoolTestType
from pglast.visitors import Visitor

from pgassay.solver.scope import Node, write


def narrow(head: str, base: str) -> str:
    """HEAD's condition, true of less: of a subquery that BASE has otherwise, what BASE's does not find.

    Who looks for rows for which HEAD's is true and BASE's is not would else look for each by itself.
    """
    try:
        ours, theirs = _read(head), _read(base)
    except parser.ParseError:
        return head
    others = _by_tables(theirs)
    for tables, some in _by_tables(ours).items():
        if len(some) == len(others.get(tables, ())) == 1:
            [select], [other] = some, others[tables]
            mine, former = (one.whereClause and write(one.whereClause) for one in (select, other))
            if former and mine != former:
                lacks = ast.BooleanTest(arg=other.whereClause, booltesttype=BoolTestType.IS_NOT_TRUE)
                parts = (*([select.whereClause] if mine else []), lacks)
                select.whereClause = ast.BoolExpr(boolop=BoolExprType.AND_EXPR, args=parts)
    return write(ours.targetList[0].val)


def _read(text: str) -> Node:
    [raw] = parser.parse_sql(f"select {text}")
    return raw.stmt


class _Subqueries(Visitor):
    def __init__(self) -> None:
        self.found: list[Node] = []

    def visit_SubLink(self, _: object, node: Node) -> None:  # noqa: N802 - pglast's name
        if isinstance(node.subselect, ast.SelectStmt) and node.subselect.fromClause:
            self.found.append(node.subselect)


def _by_tables(select: Node) -> dict[str, list[Node]]:
    """The subqueries by what stands in their FROM."""
    visitor = _Subqueries()
    visitor(select)
    found: dict[str, list[Node]] = defaultdict(list)
    for one in visitor.found:
        found[", ".join(map(write, one.fromClause))].append(one)
    return found
