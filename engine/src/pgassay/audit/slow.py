"""Tables on which a statement does not end in time: with many questions each, they would hold an audit up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import product

from pgassay.catalog.names import quoted
from pgassay.database import Session
from pgassay.matrix import statements
from pgassay.matrix.rows import Sample
from pgassay.observation import Persona

TIMEOUT = "57014"
_HEAVY = 0.25  # seconds


def find_slow(
    session: Session, samples: Sequence[Sample], people: Sequence[Persona]
) -> tuple[frozenset[str], frozenset[str]]:
    """The objects of which one statement of somebody runs into the timeout, and those with a slow DELETE.

    That is one without WHERE, from which foreign keys may lead far. A statement that runs into the timeout
    is the last that is tried of its object.
    """
    late: set[str] = set()
    heavy: set[str] = set()
    for sample in samples:
        removal = statements.delete(sample.table)
        for persona, text in product(people[:2], _statements(sample)):
            started = time.perf_counter()
            is_late = _ends_late(session, persona, text)
            if text == removal and time.perf_counter() - started > _HEAVY:
                heavy.add(sample.object)  # one row by itself may go quickly
                is_late = is_late and any(_ends_late(session, persona, one) for one in _removals(sample))
            if is_late:
                late.add(sample.object)
                break
    return frozenset(late), frozenset(heavy - late)


def _removals(sample: Sample) -> Iterator[str]:
    for row in sample.rows[:2]:
        yield statements.delete(sample.table, where=statements.condition(sample.key, row.key))


def _ends_late(session: Session, persona: Persona, text: str) -> bool:
    with session.undone(), session.act_as(persona):
        return session.attempt(text).sqlstate == TIMEOUT


def _statements(sample: Sample) -> Iterator[str]:
    table = sample.table
    yield f"select * from {table.name}"
    if table.kind not in "rp":
        return
    yield statements.delete(table)  # foreign keys may take others along
    if not (table.acting or table.secured):
        return
    plain = [c for c in table.columns.values() if not c.generated and c.identity != "a"]
    for column in plain[:1]:
        yield statements.update(table, column.name, quoted(column.name))
    for row in sample.rows[:1]:
        yield statements.insert(table, {c.name: row.changed[c.name] for c in plain}, overriding=False)
