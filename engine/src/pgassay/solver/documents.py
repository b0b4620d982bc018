"""Documents that contain something: what they have at each place, so that other conditions may add to it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pgassay.solver.model import ClaimSlot, Slot, Value
from pgassay.solver.scope import Term
from pgassay.solver.state import Path, State, States

if TYPE_CHECKING:
    from pgassay.solver.search import Search


def push_parts(search: Search, term: Term, document: Value, state: State) -> States:
    """States in which a term has all that an object has; none where `document` is no object with keys."""
    try:
        parsed = json.loads(document or "null")
    except ValueError:  # an array of SQL
        return
    if isinstance(parsed, dict) and parsed:
        yield from _each(search, term, list(_leaves(parsed, ())), state)


def place(slot: Slot, path: Path) -> Slot:
    """A place in the document that a slot holds; of a token, the claim there."""
    return ClaimSlot(path) if isinstance(slot, ClaimSlot) else replace(slot, path=(*slot.path, *path))


def as_json(value: Value) -> Value:
    """The value where it is JSON, else the string; what is at hand may be any text."""
    try:
        json.loads(value or "null")
    except ValueError:
        return json.dumps(value)
    return value or None


def _leaves(value: Any, path: Path) -> list[tuple[Path, str]]:  # noqa: ANN401 - JSON
    if not isinstance(value, dict) or not value:
        return [(path, json.dumps(value))]
    return [leaf for key, inner in value.items() for leaf in _leaves(inner, (*path, key))]


def _each(search: Search, term: Term, leaves: list[tuple[Path, str]], state: State) -> States:
    if not leaves:
        yield state
        return
    path, value = leaves[0]
    for following in search.push(term, value, state, path):
        yield from _each(search, term, leaves[1:], following)
