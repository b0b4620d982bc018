"""Literals whose value needs no server."""

from __future__ import annotations

from pglast import ast

from pgassay.solver.asking import Answer
from pgassay.solver.scope import Node, names_of

_TEXT = ("text", "uuid")


def read(node: Node) -> Answer | None:
    """The value of a literal, cast to text or uuid or not at all; None of anything else."""
    if isinstance(node, ast.TypeCast) and isinstance(node.arg, ast.A_Const):
        kind: Node = node.typeName
        _, name = names_of(kind.names)
        plain = name in _TEXT and not kind.arrayBounds
        return Answer(_text(node.arg), name) if plain else None
    if isinstance(node, ast.A_Const) and (node.isnull or isinstance(node.val, ast.String)):
        return Answer(_text(node), "text")
    return None


def _text(node: Node) -> str | None:
    return None if node.isnull else str(getattr(node.val, "sval", getattr(node.val, "ival", "")))
