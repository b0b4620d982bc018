"""Tables of which policies take it for granted that each user has one row, though no index says so. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pglast import ast, parser
from pglast.enums import A_Expr_Kind, SubLinkType
from pglast.visitors import Visitor

from pgassay.catalog.model import Function, Policy
from pgassay.solver.aggregates import aggregate_of
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Node, names_of

_UID = "uid"


def singular_columns(schema: Schema) -> frozenset[tuple[str, str]]:
    """Tables, each with the column that is compared with the user's id in a query that gives one value.

    PostgreSQL refuses such a query for everybody who has two rows: `tenant = (select tenant from people where
    id = auth.uid())`.
    """
    return schema.memory.get(("singular",), lambda: frozenset(_find(schema)))


def _find(schema: Schema) -> Iterator[tuple[str, str]]:
    for text in _texts(schema):
        reader = _Reader()
        for statement in _parse(text):
            reader(statement)
        for (qualifier, name), column in reader.found:
            table = schema.find_relation(qualifier, name, schema.path)
            if table is not None and not _has_several(schema, table, column):
                yield table, column


def _has_several(schema: Schema, table: str, column: str) -> bool:
    """Whether a unique index says of what else there is one for each user: roles, memberships."""
    return any(column in index.columns and len(index.columns) > 1 for index in schema.indexes(table))


def _texts(schema: Schema) -> Iterator[str]:
    for policy in schema.catalog.of(Policy):
        yield from (f"select {text}" for _, text in policy.clauses)
    yield from (one.text for one in schema.catalog.of(Function) if one.language == "sql")


def _parse(text: str) -> tuple[Any, ...]:
    try:
        return tuple(parser.parse_sql(text))
    except parser.ParseError:
        return ()


class _Reader(Visitor):
    """Collects tables and columns."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[tuple[str | None, str], str]] = []

    def visit_SubLink(self, _: Any, node: Node) -> None:  # noqa: N802, ANN401 - pglast's
        """A query that gives one value, of one table."""
        select = node.subselect
        if node.subLinkType != SubLinkType.EXPR_SUBLINK or select.limitCount or select.groupClause:
            return
        items: list[Node] = [*(select.fromClause or ())]
        targets: list[Node] = [*(select.targetList or ())]
        if len(items) != 1 or not isinstance(items[0], ast.RangeVar):
            return
        if any(aggregate_of(target.val) for target in targets):
            return
        table = items[0].schemaname, str(items[0].relname)
        self.found += [(table, column) for column in _compared(select.whereClause)]


def _compared(where: Node) -> Iterator[str]:
    """The column that is the user's id, where nothing else is asked of the row."""
    match where:
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(*_, ast.String(sval="=")), lexpr=left, rexpr=right):
            sides: list[tuple[Node, Node]] = [(left, right), (right, left)]
            for one, other in sides:
                if isinstance(one, ast.ColumnRef) and _is_user(other):
                    *_, name = one.fields or (None,)
                    if isinstance(name, ast.String):
                        yield str(name.sval)


def _is_user(node: Node) -> bool:
    match node:
        case ast.FuncCall():
            return names_of(node.funcname or ())[1] == _UID
        case ast.TypeCast(arg=inner):
            return _is_user(inner)
        case ast.SubLink(subselect=ast.SelectStmt(fromClause=None, targetList=(target,))):
            return _is_user(target.val)
    return False
