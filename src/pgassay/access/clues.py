"""What the text of a changed expression or function compares with: words, literals, claims. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pglast import parser

_ARROWS = ("->", "->>")
# What may stand between the steps of a path into a JSON document: `(a -> 'b'::text) ->> 'c'`.
_BETWEEN = ("TYPECAST", "TEXT_P", "ASCII_41")


@dataclass(frozen=True, kw_only=True)
class Clues:
    """Words, unquoted; string and number literals; paths into JSON documents such as (app_metadata, role)."""

    words: frozenset[str]
    strings: tuple[str, ...]
    numbers: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]


def find_clues(texts: Iterable[str]) -> Clues:
    """Of SQL or PL/pgSQL, by its tokens; text that can not be read as tokens gives none."""
    words: set[str] = set()
    strings: dict[str, None] = {}
    numbers: dict[str, None] = {}
    paths: dict[tuple[str, ...], None] = {}
    for text in texts:
        tokens = list(_scan(text))
        words |= {_unquoted(shown) for name, shown in tokens if name != "SCONST"}
        numbers |= {shown: None for name, shown in tokens if name in ("ICONST", "FCONST")}
        found, keys = _paths(tokens)
        paths |= dict.fromkeys(found)
        strings |= {
            _string(shown): None
            for place, (name, shown) in enumerate(tokens)
            if name == "SCONST" and place not in keys
        }
    return Clues(words=frozenset(words), strings=tuple(strings), numbers=tuple(numbers), paths=tuple(paths))


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
        elif name not in _BETWEEN and shown not in _ARROWS:
            going_on = False
    return paths, keys


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word.lower()


def _string(literal: str) -> str:
    return literal[1:-1].replace("''", "'") if literal.startswith("'") else literal
