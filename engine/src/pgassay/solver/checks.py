"""The checks of tables and domains as terms about a row that is to be made. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pgassay.solver.model import ColumnSlot, RowRef
from pgassay.solver.schema import Schema, check_text
from pgassay.solver.scope import BoundRow, Scope, Term, parse_expression


def table_checks(schema: Schema, ref: RowRef) -> Iterator[Term]:
    """Those of its table."""
    scope = _scope(schema, ref)
    for check in schema.constraints(ref.table, "c"):
        yield Term(parse_expression(check_text(check.definition)), scope)


def column_checks(schema: Schema, slot: ColumnSlot) -> Iterator[Term]:
    """Those that read this column and no other, those of its domain among them."""
    yield from domain_checks(schema, slot)
    scope = _scope(schema, slot.row)
    for check in schema.constraints(slot.row.table, "c"):
        if check.columns == (slot.column,):
            yield Term(parse_expression(check_text(check.definition)), scope)


def domain_checks(schema: Schema, slot: ColumnSlot) -> Iterator[Term]:
    """Those of the domain that is the column's type."""
    for text in schema.domain_checks(schema.columns(slot.row.table)[slot.column].type):
        yield Term(parse_expression(text), Scope(variables={"value": slot}))


def _scope(schema: Schema, ref: RowRef) -> Scope:
    return schema.memory.get(
        ("scope of a row", ref),
        lambda: Scope(rows={schema.plain_name(ref.table): BoundRow(ref)}, path=schema.path),
    )
