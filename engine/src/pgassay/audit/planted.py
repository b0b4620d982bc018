"""Rows that the schema's owner puts where a rule needs them, like those that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pgassay.audit.writes import fresh_columns, owner_columns
from pgassay.catalog.names import quoted
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona


@dataclass(frozen=True, kw_only=True)
class PlantedRow:
    """The INSERT of a row, and its table and condition for who looks at it, changes or removes it."""

    insert: str
    table: str
    where: str

    @property
    def named(self) -> str:
        return f"{self.table} where {self.where}"

    def update(self, values: Mapping[str, str | None]) -> str:
        sets = ", ".join(f"{quoted(name)} = {statements.literal(value)}" for name, value in values.items())
        return f"update {self.table} set {sets} where {self.where}"

    @property
    def look(self) -> str:
        return f"select 1 from {self.named}"

    @property
    def removal(self) -> str:
        return f"delete from {self.named}"


def planted_row(sample: Sample, user: Persona, **given: str | None) -> PlantedRow | None:
    """A row of the user's with these values; None where there is no other that it could be like."""
    table = sample.table
    if table.kind not in "rp" or not sample.rows:
        return None
    row = sample.rows[0]
    known = {**dict.fromkeys(owner_columns(sample), user.id), **given}
    fresh = fresh_columns(sample)
    values = {
        c.name: known.get(c.name, row.changed[c.name] if c.name in fresh else row.values[c.name])
        for c in table.columns.values()
        if not c.generated
    }
    overriding = any(table.columns[name].identity == "a" for name in values)
    where = statements.condition(sample.key, tuple(values.get(name) for name in sample.key))
    insert = statements.insert(table, values, overriding=overriding)
    return PlantedRow(insert=insert, table=table.name, where=where)
