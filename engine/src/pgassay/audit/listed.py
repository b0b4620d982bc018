"""Values that the schema has for a column of its own: how it begins, and what may stand in it."""

from __future__ import annotations

from typing import Any

from pglast import ast, parser
from pglast.visitors import Visitor

from pgassay.audit.scene import Scene
from pgassay.catalog.model import Column, Constraint
from pgassay.catalog.tables import Table
from pgassay.matrix.statements import TEXTS
from pgassay.solver.schema import check_text


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
    return list(dict.fromkeys(t for c in checks for t in _equal(c))) if column.base in TEXTS else []


def _equal(definition: str) -> list[str]:
    """The texts to which a CHECK says that something is equal: a pattern lists nothing."""
    visitor = _Equal()
    visitor(parser.parse_sql(f"select {check_text(definition)}"))
    return visitor.found


class _Equal(Visitor):
    """Collects them: `in (…)`, `= any (…)`, and one for itself."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_A_Expr(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        if node.name[-1].sval == "=":
            sides = _Texts()
            sides((node.lexpr, node.rexpr))
            self.found += sides.found


class _Texts(Visitor):
    """Collects texts."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_A_Const(self, _: object, node: Any) -> None:  # noqa: ANN401, N802
        if isinstance(node.val, ast.String) and node.val.sval:
            self.found.append(node.val.sval)


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
