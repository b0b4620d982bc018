"""Rows that the schema's owner puts where a rule needs them, like those that are there."""

from __future__ import annotations

from pgassay.audit.writes import fresh_columns, owner_columns
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona


def planted_row(sample: Sample, user: Persona, **given: str | None) -> tuple[str, str] | None:
    """The INSERT of a row of the user's with these values, and a look at it; None where there is no other."""
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
    look = f"select 1 from {table.name} where {where}"
    return statements.insert(table, values, overriding=overriding), look
