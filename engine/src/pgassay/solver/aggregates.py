"""Queries that compute something of an aggregate, as expressions of queries of the aggregate alone. Pure."""

from __future__ import annotations

from typing import Any

from pglast import ast
from pglast.enums import SetOperation, SubLinkType

from pgassay.solver.scope import Node, names_of
from pgassay.solver.syntax import with_parts

NAMES = ("count", "max", "min", "sum", "bool_or", "bool_and", "every", "avg")


def is_aggregate(node: Node) -> bool:
    """Whether a node calls one of the server's aggregates over all rows."""
    return isinstance(node, ast.FuncCall) and node.over is None and names_of(node.funcname or ())[1] in NAMES


def aggregate_of(node: Node) -> str:
    """The name of the aggregate that a node is, cast or with a value for null; "" for all else."""
    match node:
        case ast.CoalesceExpr(args=(inner, *_)) | ast.TypeCast(arg=inner):
            return aggregate_of(inner)
        case ast.FuncCall() if is_aggregate(node):
            return names_of(node.funcname or ())[1]
    return ""


def argument_of(node: Node) -> Node:
    """What is aggregated over the one row that there is; the node itself where that is nothing."""
    match node:
        case ast.CoalesceExpr(args=(inner, *_)) | ast.TypeCast(arg=inner) if aggregate_of(inner):
            return argument_of(inner)
        case ast.FuncCall(args=(inner, *_)) if is_aggregate(node):
            return inner
    return node


def spread(select: Node) -> Node | None:
    """`select case when count(x) > 0 … end from t` as `case when (select count(x) from t) > 0 … end`.

    None for what groups its rows, and for what has no aggregate below what it selects.
    """
    parted = select.groupClause or select.havingClause or select.limitCount or select.distinctClause
    if parted or select.op != SetOperation.SETOP_NONE or len(select.targetList or ()) != 1:
        return None
    node = select.targetList[0].val
    if aggregate_of(node):
        return None
    spread_ = _spread(node, select)
    return None if spread_ is node else spread_


def _spread(node: Any, select: Node) -> Any:  # noqa: ANN401 - whatever an attribute of pglast's is
    match node:
        case ast.SubLink():
            return node
        case ast.FuncCall() if is_aggregate(node):
            alone = with_parts(select, {"targetList": (ast.ResTarget(val=node),)})
            return ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=alone)
        case tuple():
            items = tuple(_spread(item, select) for item in node)
            return items if any(new is not old for new, old in zip(items, node, strict=True)) else node
        case ast.Node():
            return with_parts(node, {name: _spread(getattr(node, name), select) for name in node})
    return node
