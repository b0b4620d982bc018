"""Nodes of SQL's grammar: made anew, and which of them are conditions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType, SetOperation, SubLinkType

from pgassay.solver.scope import Node

VALUE_OPERATORS = (*("+", "-", "*", "/", "%", "||", "^", "&", "|", "#"), *("->", "->>", "#>", "#>>", "#-"))
"""Those that give a value of some type; all others are taken to compare."""


def is_condition(node: Node) -> bool:
    """Whether a node is a boolean whatever its operands are."""
    match node:
        case ast.BoolExpr() | ast.NullTest() | ast.BooleanTest():
            return True
        case ast.SubLink():
            return node.subLinkType not in (SubLinkType.EXPR_SUBLINK, SubLinkType.ARRAY_SUBLINK)
        case ast.A_Expr(name=(*_, name)):
            return node.kind != A_Expr_Kind.AEXPR_NULLIF and name.sval not in VALUE_OPERATORS
    return False


def operation(name: str, left: Node, right: Node) -> Node:
    """Two operands and the operator between them."""
    return ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP, name=(ast.String(name),), lexpr=left, rexpr=right)


def junction(operator: BoolExprType, *parts: Node) -> Node:
    """Conditions joined."""
    return parts[0] if len(parts) == 1 else ast.BoolExpr(boolop=operator, args=parts)


def count_of(query: Node) -> Node:
    """How many rows a query finds."""
    name = (ast.String("pg_catalog"), ast.String("count"))
    counted = ast.RangeSubselect(subquery=query, alias=ast.Alias(aliasname="counted"))
    number = ast.ResTarget(val=ast.FuncCall(funcname=name, agg_star=True))
    select = ast.SelectStmt(targetList=(number,), fromClause=(counted,), op=SetOperation.SETOP_NONE)
    return ast.SubLink(subLinkType=SubLinkType.EXPR_SUBLINK, subselect=select)


def call(name: str, *arguments: Node) -> Node:
    """A function of the server's own, called."""
    return ast.FuncCall(funcname=(ast.String("pg_catalog"), ast.String(name)), args=arguments)


def with_parts(node: Node, changed: Mapping[str, Any]) -> Node:
    """With what is changed; the node itself where nothing is."""
    if all(getattr(node, name) is value for name, value in changed.items()):
        return node
    return type(node)(**{**{name: getattr(node, name) for name in node}, **changed})
