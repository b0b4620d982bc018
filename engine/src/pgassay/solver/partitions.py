"""Partitions of a table, and what its key may be such that one of them takes the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pglast import ast, parser

from pgassay.catalog.model import Relation
from pgassay.solver.model import Value
from pgassay.solver.schema import Schema
from pgassay.solver.scope import Node


def key_values(schema: Schema, table: str) -> Mapping[str, Value]:
    """Values that the bounds of a partition take, and of the first one below it that has bounds."""
    relation = schema.relations[table]
    found: dict[str, Value] = {}
    for one in (*_below(schema, relation), relation, *_above(schema, relation)):
        for parent in _parents(schema, one):
            names = _columns(parent.partition_key or "")
            found |= dict(zip(names, _first_values(one.partition_bound or "default"), strict=False))
    return found


def with_partitions(schema: Schema, table: str) -> Iterator[Relation]:
    """A table, and the partitions that its rows may fall into."""
    relation = schema.relations[table]
    yield relation
    for one in schema.relations.values() if relation.partition_key else ():
        if relation.name in one.inherits:
            yield from with_partitions(schema, one.name)


def _parents(schema: Schema, relation: Relation) -> list[Relation]:
    return [schema.relations[name] for name in relation.inherits if schema.relations[name].partition_key]


def _above(schema: Schema, relation: Relation) -> list[Relation]:
    return [one for parent in _parents(schema, relation) for one in (parent, *_above(schema, parent))]


def _below(schema: Schema, relation: Relation) -> list[Relation]:
    """The first partition that has bounds, and so on below it."""
    for one in schema.relations.values():
        if relation.name in one.inherits and _first_values(one.partition_bound or "default"):
            return [*_below(schema, one), one]
    return []


def _columns(key: str) -> list[str]:
    """The columns of `RANGE (created_at)`; none where an expression is among them."""
    parts = _parse(f"create table x (y int) partition by {key}").partspec.partParams
    return [] if any(part.name is None for part in parts) else [part.name for part in parts]


def _first_values(bound: str) -> list[Value]:
    """The first of a list, or the least of a range."""
    spec = _parse(f"create table x partition of y {bound}").partbound
    if spec.is_default:
        return []
    datums = spec.listdatums[:1] if spec.listdatums else spec.lowerdatums or ()
    return [_text(datum) for datum in datums]


def _parse(statement: str) -> Node:
    [raw] = parser.parse_sql(statement)
    return raw.stmt


def _text(node: Node) -> Value:
    while isinstance(node, ast.TypeCast):
        node = node.arg
    if isinstance(node, ast.A_Const) and not node.isnull:
        value = node.val
        return str(getattr(value, "sval", getattr(value, "ival", getattr(value, "fval", None))))
    return None
