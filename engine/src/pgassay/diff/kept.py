"""What a trigger takes out of what is written, such as secrets: does HEAD keep it? Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from pgassay.catalog.inventory import Inventory
from pgassay.catalog.literals import find_literals, read_words
from pgassay.catalog.model import Column
from pgassay.diff.experiments import Experiment
from pgassay.diff.neighbourhoods import OF_WRITES, Neighbourhood, said_by
from pgassay.diff.probes import WRITTEN, SearchProbe, probe_varied_insert, probe_varied_update
from pgassay.diff.variations import Variation
from pgassay.matrix.statements import TEXTS, literal
from pgassay.matrix.subject import Subject, make_subjects
from pgassay.observation import Persona

_KEPT = "pgassay kept this"
_DOCUMENTS = ("json", "jsonb")
_WORDS = 8
_ROWS = 2


def try_kept(
    around: Iterable[Neighbourhood], personas: Sequence[Persona], *, base: Inventory, head: Inventory
) -> Iterator[Experiment]:
    """Writes beside words that only one side says: what stands there in HEAD alone was taken out in BASE."""
    for one in around:
        called = tuple(change for change in one.changes if change.key.kind in OF_WRITES)
        if not one.sample.table.stored or not called:
            continue
        words, were = (read_words(find_literals(said_by(called, side)).strings) for side in (head, base))
        alone = sorted((words - were) | (were - words), key=lambda word: (word in words, word))
        for word in islice(alone, _WORDS):
            probes = (
                p for s in make_subjects([one.sample], personas) for p in _write(s, word, one.literals.words)
            )
            if attempts := tuple(probes):
                yield Experiment(changes=called, attempts=attempts)


def _write(subject: Subject, word: str, named: frozenset[str]) -> Iterator[SearchProbe]:
    """The columns that the changes name, with the word and what belongs to it."""
    held = subject.privileges.insert | subject.privileges.update
    for column in (one for one in subject.sample.columns if one.name in held & named):
        for value in _spell(column, word):
            for row in subject.sample.rows[:_ROWS]:
                varied = Variation(sample=subject.sample, row=row, values={column.name: value})
                looks = (_look(subject.table.name, column),)
                for probe in (*probe_varied_insert(subject, varied), *probe_varied_update(subject, varied)):
                    yield replace(probe, looks=looks, values=())


def _spell(column: Column, word: str) -> Iterator[str]:
    if column.base in _DOCUMENTS:
        yield json.dumps({word: _KEPT})
        yield json.dumps({"pgassay": [word, _KEPT]})
    elif column.base in TEXTS and not column.labels:
        yield f"{word}: {_KEPT}"


def _look(table: str, column: Column) -> str:
    like = literal(f"%{_KEPT}%")
    return f"select from {table} where {WRITTEN} and {column.quoted}::text like {like}"
