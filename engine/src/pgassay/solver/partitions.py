"""What the key of a partitioned table may be, such that a partition takes the row."""

from __future__ import annotations

from pglast import ast, parser

from pgassay.solver.model import Value
from pgassay.solver.schema import Schema


def key_values(schema: Schema, table: str) -> dict[str, Value]:
    """Values of the key that the first partition with bounds takes; none where nothing is known."""
    relation = schema.relations[table]
    if relation.partition_key is None:
        return {}
    names = _columns(relation.partition_key)
    for one in schema.relations.values():
        if one.partition_bound and relation.oid in (one.root,) and names:
            found = _first_values(one.partition_bound)
            if found:
                return dict(zip(names, found, strict=False))
    return {}


def _columns(key: str) -> list[str]:
    """The columns of `RANGE (created_at)`; none where an expression is among them."""
    [raw] = parser.parse_sql(f"create table x (y int) partition by {key}")
    parts = raw.stmt.partspec.partParams
    return [] if any(part.name is None for part in parts) else [part.name for part in parts]


def _first_values(bound: str) -> list[Value]:
    """The first of a list, or the least of a range."""
    [raw] = parser.parse_sql(f"create table x partition of y {bound}")
    spec = raw.stmt.partbound
    if spec.is_default:
        return []
    datums = spec.listdatums[:1] if spec.listdatums else spec.lowerdatums or ()
    return [_text(datum) for datum in datums]


def _text(node: object) -> Value:
    while isinstance(node, ast.TypeCast):
        node = node.arg
    if isinstance(node, ast.A_Const) and not node.isnull:
        value = node.val
        return str(getattr(value, "sval", getattr(value, "ival", getattr(value, "fval", None))))
    return None
