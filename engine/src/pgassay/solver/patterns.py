"""Texts that match a pattern of LIKE or a regular expression, shortest first, and such that do not. Pure.

Python's own parser reads the expressions: PostgreSQL's differ in rarities, and the server has the last word.
"""

from __future__ import annotations

import re
import string
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from re import _parser  # type: ignore[attr-defined]
from typing import Any

_ALPHABET = string.ascii_lowercase + string.ascii_uppercase + string.digits + "-_.@ /:+#"
_CATEGORIES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_WORD": string.ascii_letters + string.digits + "_",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_DIGIT": string.ascii_lowercase,
    "CATEGORY_NOT_WORD": "-",
    "CATEGORY_NOT_SPACE": string.ascii_lowercase,
}
# PostgreSQL's names of classes, which Python does not have.
_CLASSES = {
    **{"[:alpha:]": "a-zA-Z", "[:digit:]": "0-9", "[:alnum:]": "a-zA-Z0-9", "[:lower:]": "a-z"},
    **{"[:upper:]": "A-Z", "[:space:]": r"\s", "[:punct:]": "!-/", "[:xdigit:]": "0-9a-fA-F"},
}
_EDGES = {r"\m": r"\b", r"\M": r"\b", r"\y": r"\b", r"\Y": r"\B", "[[:<:]]": r"\b", "[[:>:]]": r"\b"}
"""How PostgreSQL asks for the edges of words, and how Python does."""
_EDGE = re.compile(r"\\.|\[\[:[<>]:\]\]", re.DOTALL)
_BEGINNINGS = ("https://", "x@")  # which a CHECK may want
# How many more repetitions than must be, and how many texts are tried for it.
_ROUNDS = {0: 8, 1: 8, 2: 4, 3: 4, 5: 2, 8: 2, 13: 2, 21: 2, 34: 2}


def like(pattern: str, *, escape: str = "\\") -> Iterator[str]:
    """Texts that LIKE takes: `%` stands for nothing, or for a letter; or an address or mailbox begins it."""
    for first, wild in (
        ("", ""),
        ("x", "x"),
        *(((before, "") for before in _BEGINNINGS) if pattern[:1] == "%" else ()),
    ):
        found, escaped = "", False
        for place, letter in enumerate(pattern):
            if letter == escape and not escaped:
                escaped = True
                continue
            any_ = wild if place else first
            found += letter if escaped or letter not in "%_" else "x" if letter == "_" else any_
            escaped = False
        yield found


def unlike(pattern: str) -> Iterator[str]:
    """Texts that LIKE may not take."""
    yield from ("", "~", f"~{next(like(pattern))}~", next(like(pattern)).swapcase())


def matching(pattern: str, *, seed: str = "") -> Iterator[str]:
    """Texts in which a regular expression finds something; of repetitions the fewest first, then more.

    With a `seed`, letters that may be others are drawn, always the same for the same seed.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            parsed = list(_parser.parse(_as_python(pattern)))
    except (re.error, OverflowError, RecursionError):
        return
    for more, texts in _ROUNDS.items():
        yield from islice(_Writer(more, Random(seed) if seed else None).all(parsed), texts)  # noqa: S311


def telling_apart(one: str, other: str, text: str) -> Iterator[str]:
    """Texts like this, which both expressions match, that only the first matches: with one letter more."""
    try:
        with warnings.catch_warnings(action="ignore"):
            first, second = (re.compile(_as_python(pattern)) for pattern in (one, other))
    except (re.error, OverflowError, RecursionError):
        return
    if not text or not first.search(text) or not second.search(text):
        return
    for letter in string.printable:
        more = f"{text[:-1]}{letter}{text[-1]}"
        if first.search(more) and not second.search(more):
            yield more


def _as_python(pattern: str) -> str:
    pattern = _EDGE.sub(lambda found: _EDGES.get(found[0], found[0]), pattern)
    for name, letters in _CLASSES.items():
        pattern = pattern.replace(name, letters)
    return pattern


def unmatching(pattern: str) -> Iterator[str]:
    """Texts in which a regular expression may find nothing."""
    yield from ("", "~", " ", "x", "0", "\t")
    yield from (f"~{text}~" for text in islice(matching(pattern), 2))


@dataclass(frozen=True)
class _Writer:
    """Writes texts for parsed expressions, with so many repetitions `more` than there must be."""

    more: int
    random: Random | None

    def all(self, parts: list[Any]) -> Iterator[str]:
        if not parts:
            yield ""
            return
        for text in self._one(str(parts[0][0]), parts[0][1]):
            for rest in self.all(parts[1:]):
                yield text + rest

    def _one(self, name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - of Python's parser
        match name:
            case "LITERAL":
                yield chr(value)
            case "NOT_LITERAL":
                yield next(letter for letter in _ALPHABET if letter != chr(value))
            case "ANY":
                yield from ("x", " ")  # the word beside it may have to end
            case "IN":
                yield from self._in(value)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = value
                yield from self._repeated(list(inner), min(least + self.more, int(most)))
            case "BRANCH":
                for one in value[1]:
                    yield from self.all(list(one))
            case "SUBPATTERN":
                yield from self.all(list(value[-1]))
            case "ATOMIC_GROUP":
                yield from self.all(list(value))
            case _:  # anchors, and what is looked at ahead
                yield ""

    def _repeated(self, inner: list[Any], times: int) -> Iterator[str]:
        """The same text so many times; letters that are drawn may each be another."""
        if self.random and times:
            yield "".join(next(self.all(inner), "") for _ in range(times))
        else:
            yield from (text * times for text in (self.all(inner) if times else ("",)))

    def _in(self, items: list[Any]) -> Iterator[str]:
        if str(items[0][0]) == "NEGATE":
            taken = set("".join(map(_letters, items[1:])))
            some = "".join(letter for letter in _ALPHABET if letter not in taken)
            yield from self._choose([some or "~"])
        else:
            yield from self._choose(sorted(map(_letters, items), key=lambda text: _ALPHABET.find(text[0])))

    def _choose(self, classes: list[str]) -> Iterator[str]:
        if self.random:
            yield self.random.choice("".join(classes))
        else:
            yield from (letters[0] for letters in classes)


def _letters(item: Any) -> str:  # noqa: ANN401 - of Python's parser
    name, value = str(item[0]), item[1]
    if name == "LITERAL":
        return chr(value)
    if name == "RANGE":
        return "".join(map(chr, range(value[0], min(value[1], value[0] + 127) + 1)))
    return _CATEGORIES.get(str(value), "x")
