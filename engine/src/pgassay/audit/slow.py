"""Tables on which a statement does not end in time: with many questions each, they would hold an audit up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pgassay.catalog.names import quoted
from pgassay.database import Session
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

TIMEOUT = "57014"


def find_slow(session: Session, samples: Sequence[Sample], people: Sequence[Persona]) -> Iterator[str]:
    """The objects of which one statement of somebody runs into the timeout; it is the last that is tried."""
    for sample in samples:
        texts = list(_statements(sample))
        if any(_ends_late(session, persona, text) for persona in people[:2] for text in texts):
            yield sample.object


def _ends_late(session: Session, persona: Persona, text: str) -> bool:
    with session.undone(), session.act_as(persona):
        return session.attempt(text).sqlstate == TIMEOUT


def _statements(sample: Sample) -> Iterator[str]:
    table = sample.table
    yield f"select * from {table.name}"
    if table.kind not in "rp" or not (table.acting or table.secured):
        return
    plain = [c for c in table.columns.values() if not c.generated and c.identity != "a"]
    for column in plain[:1]:
        yield statements.update(table, column.name, quoted(column.name))
    yield statements.delete(table)
    for row in sample.rows[:1]:
        yield statements.insert(table, {c.name: row.changed[c.name] for c in plain}, overriding=False)
