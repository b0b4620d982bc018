"""Values that the schema has for a column of its own: how it begins, and what may stand in it."""

from __future__ import annotations

from typing import Any

from pglast import ast, parser

from pgassay.audit.scene import Scene
from pgassay.catalog.literals import find_literals
from pgassay.catalog.model import Column, Constraint
from pgassay.catalog.tables import Table
from pgassay.matrix.statements import TEXTS


def listed_values(scene: Scene, table: Table, column: Column) -> list[str]:
    """The labels of an enum, and what a CHECK of the column or of its domain lists."""
    if column.labels:
        return list(column.labels)
    checks = [
        c.definition
        for c in scene.catalog.of(Constraint)
        if c.type == "c"
        and (
            c.table in (column.type, column.type.partition("(")[0])
            if c.is_of_domain
            else c.relation_oid == table.oid and c.columns == (column.name,)
        )
    ]
    return [text for text in find_literals(checks).strings if text] if column.base in TEXTS else []


def has_constant(column: Column) -> bool:
    """Whether its default says how a row begins; times and drawn ids do not."""
    if not column.default:
        return False
    try:
        [raw] = parser.parse_sql(f"select {column.default}")
    except (parser.ParseError, ValueError):
        return False
    select: Any = raw.stmt
    node = select.targetList[0].val
    while isinstance(node, ast.TypeCast):
        node = node.arg
    return isinstance(node, ast.A_Const)


def is_empty(column: Column) -> bool:
    """Whether a text begins as an empty one."""
    return column.base in TEXTS and (column.default or "").startswith("''")
