"""Which functions an expression of a plan calls, and which of them should not be called for each row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pglast import parser

Name = tuple[str, str]
"""Schema and name of a function; the schema is "" where EXPLAIN left it out."""


class Fault(Enum):
    """Why a function should not be called for each row."""

    VOLATILE = "volatile"
    UNWRAPPED = "the same for all rows; wrap it in (select …)"


@dataclass(frozen=True, kw_only=True)
class Functions:
    """The database's functions that have a fault when called per row, by schema and name."""

    faults: dict[Name, Fault]

    def fault(self, called: Name) -> Fault | None:
        """What is wrong with a call as EXPLAIN writes it; an unqualified name stands for any schema's."""
        schema, name = called
        if schema:
            return self.faults.get(called)
        found = (fault for (_, known), fault in self.faults.items() if known == name)
        return next(found, None)


def read_calls(expression: str) -> Iterator[Name]:
    """The functions that an expression calls, in the order of their names' appearance.

    EXPLAIN's expressions are not SQL, with their `(InitPlan 1).col1`, but they have its tokens.
    """
    tokens = parser.scan(expression)
    texts = [expression[token.start : token.end + 1] for token in tokens]
    words = [token.name == "IDENT" or token.kind != "NO_KEYWORD" for token in tokens]
    for at, text in enumerate(texts):
        if text == "(" and at and words[at - 1]:
            qualified = at >= 3 and texts[at - 2] == "." and words[at - 3]
            yield (_plain(texts[at - 3]) if qualified else "", _plain(texts[at - 1]))


def _plain(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
