"""Values that a statement itself says: who no longer gets what he asked for has gained nothing. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgassay.catalog.literals import find_literals

Rows = Sequence[Sequence[str | None]]


def is_choice_gone(statement: str, before: Rows, after: Rows) -> bool:
    """Whether of what as many rows hold otherwise, BASE took all out of the statement, and HEAD nothing."""
    old, new = (Counter(map(tuple, rows)) for rows in (before, after))
    went, came = (old - new).elements(), (new - old).elements()
    theirs, ours = (sorted(_values(rows)) for rows in (went, came))
    less, more = (Counter(theirs) - Counter(ours), Counter(ours) - Counter(theirs))
    said = set(_find_said(statement))
    return (
        bool(less) and less.total() == more.total() and less.keys() <= said and more.keys().isdisjoint(said)
    )


def _values(rows: Iterable[Sequence[str | None]]) -> Iterator[str]:
    for row in rows:
        for value in row:
            yield from map(_spell, _leaves(_read(value)))


def _find_said(statement: str) -> Iterator[str]:
    """Its literals, and what documents among them hold."""
    literals = find_literals([statement])
    yield from literals.numbers
    for text in literals.strings:
        yield from map(_spell, _leaves(_read(text)))


def _read(text: str | None) -> object:
    try:
        return json.loads(text or "null")
    except json.JSONDecodeError:
        return {"t": True, "f": False}.get(text or "", text)


def _leaves(document: object) -> Iterator[object]:
    inner = document.values() if isinstance(document, Mapping) else document
    if isinstance(inner, Iterable) and not isinstance(inner, str):
        for part in inner:
            yield from _leaves(part)
    else:
        yield document


def _spell(value: object) -> str:
    """The same for a value and for the text that says it."""
    return value if isinstance(value, str) else json.dumps(value)
