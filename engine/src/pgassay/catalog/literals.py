"""What the text of a changed expression or function compares with: words, literals, claims. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, TypeVar

from pglast import parser

T = TypeVar("T")
_ARROWS = ("->", "->>")
_ALONG = ("#>", "#>>")  # as many steps as the text has
_WORD = re.compile(r"[^\W\d_]{3,}")
_ALIKE = 0.3  # of their words, how many two texts share that are versions of one
# What may stand between the steps of a path into a JSON document: `(a -> 'b'::text) ->> 'c'`.
_BETWEEN = ("TYPECAST", "TEXT_P", "ASCII_41")


@dataclass(frozen=True, kw_only=True)
class Literals:
    """Words, unquoted; string and number literals; paths into JSON documents such as (app_metadata, role)."""

    words: frozenset[str]
    strings: tuple[str, ...]
    numbers: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]


def find_literals(after: Iterable[str], before: Iterable[str] = ()) -> Literals:
    """Of two versions of SQL or PL/pgSQL, by its tokens; first what only one of them has.

    Text that can not be read as tokens gives none.
    """
    new, old = (list(map(_read, texts)) for texts in (after, before))
    if len(new) == 1 and not old:
        return new[0]

    def merged(field: str) -> tuple[Any, ...]:
        ours, theirs = (
            dict.fromkeys(value for literals in side for value in getattr(literals, field))
            for side in (new, old)
        )
        return tuple(sorted({**ours, **theirs}, key=lambda value: value in ours and value in theirs))

    return Literals(
        words=frozenset(merged("words")),
        strings=merged("strings"),
        numbers=merged("numbers"),
        paths=merged("paths"),
    )


def read_words(texts: Iterable[str]) -> frozenset[str]:
    """The words of literals: what a pattern or list is made of."""
    return frozenset(word for text in texts for word in _WORD.findall(text))


def find_marked(after: Mapping[T, str], before: Mapping[T, str]) -> frozenset[str]:
    """The words, unquoted, of what only one of two versions of texts says, or where only one says it.

    A text is compared with that of the same key, or else with the one that it is most like. Each is read by
    itself: one that can not be read hides no other.
    """
    pairs = [(text, before[key]) for key, text in after.items() if key in before]
    new, old = (
        [text for key, text in some.items() if key not in others]
        for some, others in ((after, before), (before, after))
    )
    pairs += _pairs(new, old)
    return frozenset().union(*(_marked(*pair) for pair in pairs if pair[0] != pair[1]))


def _pairs(new: Sequence[str], old: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Of each text and the nearest that is left; "" where none has enough of its words."""
    left = list(old)
    for text in new:
        words = _read(text).words
        nearest, shared = "", _ALIKE
        for other in left:
            theirs = _read(other).words
            alike = len(words & theirs) / (len(words | theirs) or 1)
            if alike > shared:
                nearest, shared = other, alike
        if nearest:
            left.remove(nearest)
        yield text, nearest
    yield from (("", text) for text in left)


@lru_cache(maxsize=2048)  # the same are near to many objects
def _marked(after: str, before: str) -> frozenset[str]:
    new, old = list(_scan(after)), list(_scan(before))
    parts = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    tokens = (
        token
        for kind, begin, end, first, last in parts
        if kind != "equal"
        for token in (*old[begin:end], *new[first:last])
    )
    return frozenset(_unquoted(shown) for name, shown in tokens if name != "SCONST")


@lru_cache(maxsize=8192)  # the same bodies are asked for in all places
def _read(text: str) -> Literals:
    tokens = list(_scan(text))
    paths, keys = _paths(tokens)
    strings = [
        _string(shown) for place, (name, shown) in enumerate(tokens) if name == "SCONST" and place not in keys
    ]
    return Literals(
        words=frozenset(_unquoted(shown) for name, shown in tokens if name != "SCONST"),
        strings=tuple(dict.fromkeys(strings)),
        numbers=tuple(dict.fromkeys(shown for name, shown in tokens if name in ("ICONST", "FCONST"))),
        paths=tuple(dict.fromkeys(paths)),
    )


def _scan(text: str) -> Iterator[tuple[str, str]]:
    try:
        for token in parser.scan(text):
            yield token.name, text[token.start : token.end + 1]
    except parser.ParseError:
        return


def _paths(tokens: list[tuple[str, str]]) -> tuple[list[tuple[str, ...]], set[int]]:
    """The paths, and the places of the strings in them."""
    paths: list[tuple[str, ...]] = []
    keys: set[int] = set()
    going_on = False
    for place, (name, shown) in enumerate(tokens):
        if name == "SCONST" and place and tokens[place - 1][1] in _ARROWS:
            keys.add(place)
            step = (_string(shown),)
            paths = [*paths[:-1], paths[-1] + step] if going_on else [*paths, step]
            going_on = True
        elif name == "SCONST" and place and tokens[place - 1][1] in _ALONG:
            keys.add(place)
            steps = tuple(part.strip(' "') for part in _string(shown).strip("{}").split(","))
            paths = [*paths[:-1], paths[-1] + steps] if going_on else [*paths, steps]
            going_on = True
        elif name not in _BETWEEN and shown not in (*_ARROWS, *_ALONG):
            going_on = False
    return paths, keys


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()


def _string(literal: str) -> str:
    return literal[1:-1].replace("''", "'") if literal.startswith("'") else literal
