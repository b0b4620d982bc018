"""Values as SQL."""

from __future__ import annotations

from collections.abc import Mapping

from pgassay.catalog.names import quoted
from pgassay.solver.model import Value


def literal(value: Value) -> str:
    """A value as SQL, of no type."""
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def where(wanted: Mapping[str, Value]) -> str:
    """The condition that columns have these values."""
    return (
        " and ".join(
            f"{quoted(name)} = {literal(value)}" if value is not None else f"{quoted(name)} is null"
            for name, value in wanted.items()
        )
        or "true"
    )


def quote_element(value: Value) -> str:
    """An element as an array literal has it."""
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
