"""The tokens of a PL/pgSQL body, and the reading of them from left to right. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pglast import parser

_COMMENTS = ("SQL_COMMENT", "C_COMMENT")


class UnplacedError(Exception):
    """The tokens do not read as a PL/pgSQL body; the message says what was expected where."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """One token: `word` is its text in lower case, "" for a quoted name; `end` is the offset after it."""

    word: str
    start: int
    end: int


def read_tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a body without its comments, as PostgreSQL's own scanner separates them.

    PL/pgSQL uses that scanner too. Raises UnplacedError where it stops.
    """
    try:
        scanned = parser.scan(text)
    except parser.ParseError as error:
        raise UnplacedError(f"its scanner says: {error.args[0]}") from error
    return tuple(_token(text, found.start, found.end + 1) for found in scanned if found.name not in _COMMENTS)


def _token(text: str, start: int, end: int) -> Token:
    return Token(word="" if text[start] == '"' else text[start:end].lower(), start=start, end=end)


class Reader:
    """Goes through tokens. `depth` rules are PL/pgSQL's own: a terminator counts outside brackets only."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = read_tokens(text)
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._tokens)

    @property
    def last(self) -> Token:
        """The token that was taken last."""
        return self._tokens[self._at - 1]

    def peek(self) -> Token:
        """The present token. Raises UnplacedError at the end of the text."""
        if self.is_done:
            raise UnplacedError("it ends in the middle of a statement")
        return self._tokens[self._at]

    def word(self, ahead: int = 0) -> str:
        """The word at the present token, or some tokens ahead; "" at the end and for a quoted name."""
        at = self._at + ahead
        return self._tokens[at].word if at < len(self._tokens) else ""

    def next(self) -> Token:
        """Take one token. Raises UnplacedError at the end of the text."""
        token = self.peek()
        self._at += 1
        return token

    def take(self, *words: str) -> Token:
        """Take tokens that must be `words`; the last of them."""
        for word in words:
            token = self.next()
            if token.word != word:
                line = self._text.count("\n", 0, token.start) + 1
                raise UnplacedError(f"line {line} has {token.word!r} where {word!r} was expected")
        return token

    def skip_past(self, words: Collection[str]) -> Token:
        """Take everything up to and including the first of `words` outside brackets; that token."""
        depth = 0
        while (token := self.next()).word not in words or depth:
            depth += (token.word in ("(", "[")) - (token.word in (")", "]"))
        return token
