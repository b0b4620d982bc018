"""Whether a function asks who calls it, and what only somebody can say to it who was told."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from pglast import parser

from pgassay.audit.reach import Reach
from pgassay.audit.scene import Scene
from pgassay.audit.words import is_address, is_secret
from pgassay.audit.writes import owner_columns
from pgassay.catalog.inventory import follow
from pgassay.catalog.model import Column, Function
from pgassay.matrix.rows import Sample
from pgassay.matrix.statements import TEXTS
from pgassay.observation import Persona

_WORDS = {"current_setting", "current_user", "session_user", "current_role", "user"}
_CALLER = ("auth", ".", "uid", "(", ")")
_UID = "".join(_CALLER)
_OF_TOKENS = (["auth", ".", "jwt"], ["auth", ".", "email"])
_OF_NULL = (["is", "null"], ["is", "not", "null"])
_KEEPS = (":=", "default")


def asks_who_calls(scene: Scene, function: Function) -> bool:
    """Whether its body, or that of a function that it uses, looks at the caller; policies do not bind it.

    `auth.role()` says the same of all who are signed in.
    """
    return any(_places(text) for text in _bodies(scene, function))


def tells_callers_apart(scene: Scene, function: Function) -> bool:
    """Whether it asks more than if there is a caller, as `auth.uid() is null` does."""
    return any(
        not _is_of_presence(_words(text), place)
        for text in _bodies(scene, function)
        for place in _places(text)
    )


def _bodies(scene: Scene, function: Function) -> Iterator[str]:
    steps = {name: used & scene.functions.keys() for name, used in scene.inventory.uses.items()}
    for name in (function.function, *follow(steps, function.function)):
        used = scene.functions.get(name)
        if used and (used is function or scene.is_ours(used)):
            yield used.text


def _places(text: str) -> list[int]:
    """Where it names who calls, and what keeps the caller's id."""
    shown = _words(text)
    kept = {name for n, word in enumerate(shown) if word == _UID and (name := _keeper(shown, n))}
    said = _WORDS | kept | {_UID}
    return [n for n, word in enumerate(shown) if word in said or shown[n : n + 3] in _OF_TOKENS]


@lru_cache(maxsize=2048)
def _words(text: str) -> list[str]:
    """Its tokens without comments; `auth.uid()` is one."""
    try:
        found = [text[t.start : t.end + 1].lower() for t in parser.scan(text) if "COMMENT" not in t.name]
    except parser.ParseError:
        return []
    size = len(_CALLER)
    places = [n for n in range(len(found)) if tuple(found[n : n + size]) == _CALLER]
    for place in reversed(places):
        found[place : place + size] = [_UID]
    return found


def _keeper(shown: list[str], place: int) -> str:
    """The variable in which the id is kept: `me := auth.uid()`, `me uuid := auth.uid()`."""
    if place < 2 or shown[place - 1] not in _KEEPS:
        return ""
    return shown[place - 3] if shown[place - 2] == "uuid" else shown[place - 2]


def _is_of_presence(shown: list[str], place: int) -> bool:
    """Whether a word asks if there is a caller, or keeps who it is."""
    after = shown[place + 1 : place + 4]
    if any(after[: len(some)] == some for some in _OF_NULL):
        return True
    if shown[place] == _UID:
        return bool(_keeper(shown, place))
    return bool(after) and (after[0] in _KEEPS or (after[0] == "uuid" and after[1] in {*_KEEPS, ";"}))


def tokens(scene: Scene, persona: Persona, seen: Reach) -> frozenset[str]:
    """What only who was told knows: unique values, no keys, of rows or columns that it does not see."""
    return frozenset(
        value
        for sample in scene.samples
        for column in sample.table.columns.values()
        if is_token(sample, column)
        for row in sample.rows
        if row.key not in seen.seen.get(sample.object, ())
        or column.name not in sample.table.privileges[persona.role].select
        if (value := row.values[column.name])
    )


def is_token(sample: Sample, column: Column) -> bool:
    """A text or uuid that is unique by itself and no name of the row, of a user or of another row.

    A key that is drawn is one where it is called so.
    """
    table = sample.table
    alone = [index for index in table.unique if index.columns == (column.name,)]
    refers = {name for key in table.foreign_keys for name in key.columns}
    is_plain = column.base in (*TEXTS, "uuid") and not is_address(column)
    return (
        is_plain
        and bool(alone)
        and (not any(i.primary for i in alone) or (column.has_default and is_secret(column)))
        and column.name not in refers | owner_columns(sample)
    )
