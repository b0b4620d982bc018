"""Texts of statements that make rows, and values that are the same in every run."""

from __future__ import annotations

from hashlib import md5
from uuid import UUID

from psycopg import sql


def literal(value: str | None) -> str:
    """A value of no type, so that it takes the column's."""
    return "null" if value is None else sql.Literal(value).as_string(None)


def canonical_id(table: str, purpose: str) -> str:
    """The id of a row: it follows from what the row is for, and is the same in every run."""
    return str(UUID(md5(f"{table} of {purpose}".encode(), usedforsecurity=False).hexdigest()))
