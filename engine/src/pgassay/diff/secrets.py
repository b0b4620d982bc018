"""What only stands in rows that a persona cannot read in BASE: if it turns up, something told it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import find_literals
from pgassay.catalog.names import quoted
from pgassay.catalog.tables import Table
from pgassay.database import Session
from pgassay.database.pipeline import fly, savepoint
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import become
from pgassay.observation import Persona

_WORD = 3  # characters, by which a value as a whole may be told
_TELLING = 6  # characters, by which it may be told within a text
_MOST = 1000  # rows of a table


def find_secrets(
    read: Sequence[tuple[Session, Iterable[Table]]],
    samples: Sequence[Sample],
    personas: Iterable[Persona],
    schema: Inventory,
) -> dict[str, tuple[str, ...]]:
    """By persona such values, long enough to be told from others.

    `read`: what each persona may know, in the sessions of owners: tables and views of BASE, tables of HEAD,
    of which a load may draw values anew. Not what the schema itself says, such as the name of a state.
    """
    strings = find_literals(text for one in schema.objects.values() for text in one.values()).strings
    labels = (label for sample in samples for column in sample.columns for label in column.labels)
    said = {*strings, *labels}
    served = [(session, [table for table in tables if table.reachable]) for session, tables in read]
    return {
        persona.name: tuple(
            sorted(_find_hidden(persona, samples).difference(said, *(_read(*one, persona) for one in served)))
        )
        for persona in personas
    }


def _find_hidden(persona: Persona, samples: Iterable[Sample]) -> set[str]:
    """Of rows of others; what a view computes is in no row."""
    own: set[str | None] = set()
    theirs: set[str | None] = set()
    stored = (sample for sample in samples if sample.table.kind not in "vm")
    for row in (row for sample in stored for row in sample.rows):
        (own if persona.id in row.owners else theirs).update(row.values.values())
    return {value for value in theirs - own if value and is_telling(value, _WORD)}


def is_telling(value: str, length: int = _TELLING) -> bool:
    """Whether it is long enough: numbers are like each other."""
    return len(value) >= (_TELLING if value.isdecimal() else length)


def is_told(secret: str, said: str) -> bool:
    """Whether a text, one line for each value, holds it."""
    return secret in said and (is_telling(secret) or secret in said.splitlines())


def _read(base: Session, tables: Iterable[Table], persona: Persona) -> set[str]:
    """All that it reads."""
    queries = list(_list_queries(tables, persona.role))
    if base.refusal(persona):
        return set()
    with savepoint(base):
        answers = fly(base, [(*become(persona), query) for query in queries])
    rows = (row for answer in answers if not answer.sqlstate for row in answer.rows[-1])
    return {value for row in rows for value in row if value is not None}


def _list_queries(tables: Iterable[Table], role: str) -> Iterator[str]:
    for table in tables:
        held = table.privileges.get(role)
        columns = [quoted(name) for name in table.columns if held and name in held.select]
        if columns:
            yield f"select {', '.join(columns)} from {table.name} limit {_MOST}"
