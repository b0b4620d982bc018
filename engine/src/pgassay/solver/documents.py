"""Documents that contain something, or have it on a path: other conditions may add to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pgassay.solver.jsonpaths import Found, UnreadableError, read_path
from pgassay.solver.model import ClaimSlot, Reason, Slot, Truth, Value
from pgassay.solver.scope import Term
from pgassay.solver.state import FieldStep, Path, State, States

if TYPE_CHECKING:
    from pgassay.solver.search import Search


_EMPTY = "{}"


def push_parts(search: Search, term: Term, document: Value, state: State) -> States:
    """States in which a term has all that an object has; none where `document` is no object with keys."""
    try:
        parsed = json.loads(document or "null")
    except ValueError:  # an array of SQL
        return
    if isinstance(parsed, dict) and parsed:
        yield from _each(search, term, list(_leaves(parsed, ())), state)


def find_path(search: Search, arguments: list[Term], wanted: Truth, state: State) -> States:
    """`@?`, jsonb_path_exists: there is something on a path; of a predicate there always is."""
    for following, found in _read(search, arguments, state):
        if not found.predicate:
            yield from _make(search, arguments[0], found, wanted, following)


def match_path(search: Search, arguments: list[Term], wanted: Truth, state: State) -> States:
    """`@@`, jsonb_path_match: the predicate is true."""
    for following, found in _read(search, arguments, state):
        if found.predicate:
            yield from _make(search, arguments[0], found, wanted, following)


def _make(search: Search, document: Term, found: Found, wanted: Truth, state: State) -> States:
    """An empty document has nothing on any path."""
    yield from search.make(document.at(found.truth), wanted, state)
    if Truth.FALSE in wanted:
        yield from search.push(document, _EMPTY, state)


def push_path(search: Search, term: Term, value: Value, state: State, path: Path) -> States:
    """`jsonb_path_query_first(document, path)`: what is there has a value, and is what the path looks for."""
    arguments = [term.at(one) for one in term.node.args]
    for following, found in _read(search, arguments, state):
        document = arguments[0]
        if found.conditions:
            for there in search.make(document.at(found.way), Truth.TRUE, following):
                yield from search.push(document.at(found.node), value, there, path)
        else:
            yield from search.push(document.at(found.node), value, following, path)


def _read(search: Search, arguments: list[Term], state: State) -> Iterator[tuple[State, Found]]:
    """Of a document, a path and, where there are any, its variables."""
    document, path, *rest = arguments
    for following, answer in search.pick(path, state):
        try:
            found = read_path(answer.value or "", document.node, rest[0].node if rest else None)
        except UnreadableError as error:
            search.obstacles.meet(f"jsonpath {error}", Reason.OPAQUE)
        else:
            yield following, found


def place(slot: Slot, path: Path) -> Slot:
    """A place in the document that a slot holds; of a token, the claim there."""
    return ClaimSlot(path) if isinstance(slot, ClaimSlot) else replace(slot, path=(*slot.path, *path))


def as_json(value: Value, path: Path) -> Value:
    """The value where it is JSON, else the string; what is at hand may be any text. A field's is a text."""
    if isinstance(path[-1], FieldStep):
        return None if value is None else json.dumps(value)
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
