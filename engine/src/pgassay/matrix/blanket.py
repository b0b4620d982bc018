"""Blanket writes, which have no WHERE: no policy for SELECT keeps rows from them. Pure.

PostgreSQL asks a table's SELECT policies of an UPDATE or DELETE only where it reads a column: in WHERE, in
RETURNING, or to compute a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pgassay.catalog.model import Column
from pgassay.matrix import statements
from pgassay.matrix.model import Action
from pgassay.matrix.rows import Row, Sample
from pgassay.observation import Persona

_COLUMNS = 3
_VALUES = 2


@dataclass(frozen=True, kw_only=True)
class BlanketWrite:
    """A statement for all rows, and one of them that is not the persona's: there `holds` is true afterwards.

    `column` is the one that is set; "" where rows are deleted.
    """

    action: Action
    statement: str
    row: Row
    column: str = ""
    holds: str = ""


def blanket_writes(sample: Sample, persona: Persona) -> Iterator[BlanketWrite]:
    """A few UPDATEs to constants, and a DELETE, as far as privileges go, where others have rows."""
    table, others = sample.table, [row for row in sample.rows if persona.id not in row.owners]
    held = table.privileges[persona.role]
    if table.kind not in "rp" or sample.object != table.name or not others:
        return
    free = [c for c in table.columns.values() if c.name in held.update and not _is_fixed(sample, c)]
    for column in free[:_COLUMNS]:
        for value in islice(_values(sample, column, others[0]), _VALUES):
            text = statements.literal(value)
            yield BlanketWrite(
                action=Action.UPDATE,
                statement=statements.update(table, column.name, text),
                row=others[0],
                column=column.name,
                holds=f"{column.quoted} is not distinct from {text}" if column.comparable else "",
            )
    if held.delete:
        yield BlanketWrite(action=Action.DELETE, statement=statements.delete(table), row=others[0])


def _is_fixed(sample: Sample, column: Column) -> bool:
    """Whether not all rows may have the same, or whose a row is depends on it."""
    table = sample.table
    fixed = {name for index in table.unique for name in index.columns}
    fixed.update(name for key in table.foreign_keys for name in key.columns)
    fixed.update(sample.ownership.columns if sample.ownership else ())
    return bool(column.generated) or column.identity == "a" or column.name in fixed


def _values(sample: Sample, column: Column, row: Row) -> Iterator[str]:
    """Other values than the row has: those of other rows, then a made one."""
    mine = row.values[column.name]
    found = dict.fromkeys([*(one.values[column.name] for one in sample.rows), row.changed[column.name]])
    return (value for value in found if value is not None and value != mine)
